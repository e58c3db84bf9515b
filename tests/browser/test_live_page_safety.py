"""What the page /live may never do: load from elsewhere, run text, write markup; it would be seen."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.live_browser import looking
from tests.browser.live_entries import entry
from tests.browser.live_site import FILES, POLICY, Fault, Site

browsed = pytest.mark.asyncio(loop_scope="session")

SCRIPTS = sorted(FILES.glob("*.js"))
MAX_LINES = 320
DANGEROUS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setHTML|localStorage"
    r"|\.style\b|https?://|document\.cookie"
)
HOSTILE = "<img src='//127.0.0.2/x' onerror='alert(1)'>"


@browsed
@pytest.mark.parametrize(
    "fault",
    [
        ("rows.js", "made.textContent = content", "made.innerHTML = content"),
        ("index.html", "<h1>", '<h1 style="color: red">'),
        ("index.html", "<h1>", '<img alt="" src="http://127.0.0.2/x.png"><h1>'),
        ("index.html", "</body>", "<script>window.ran = 1</script></body>"),
        ("page.css", ":root {", "@import 'http://127.0.0.2/more.css';\n:root {"),
        ("page.js", "setInterval(tick", "fetch('http://127.0.0.2/').catch(() => 0);\nsetInterval(tick"),
        ("page.js", "setInterval(tick", "nothing.there;\nsetInterval(tick"),
    ],
    ids=["markup", "style", "image", "script", "import", "fetch", "error"],
)
async def test_a_page_that_does_what_it_may_not_is_seen(browser: Browser, fault: Fault) -> None:
    async with Site(planted=[fault]) as site:
        with pytest.raises(AssertionError):
            await _used(browser, site)


async def _used(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(entry(key=HOSTILE))
        await expect(look.rows).to_have_count(1)


@browsed
async def test_a_page_that_keeps_the_rules_is_not_complained_of(browser: Browser, site: Site) -> None:
    await _used(browser, site)


@browsed
async def test_the_page_is_served_under_the_policy_it_is_made_for(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        answer = await look.page.reload()
        assert answer
        assert answer.headers["content-security-policy"] == POLICY
        assert "unsafe" not in POLICY
        await site.watched()
        loaded = {url.removeprefix(site.url).partition("?")[0] for url in look.requests}
        assert loaded == {"", "/events", "/page.css", *(f"/{script.name}" for script in SCRIPTS)}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_what_it_is_for_is_not_long_and_writes_no_markup(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert text.startswith("/* ")
    assert len(text.splitlines()) <= MAX_LINES
    assert DANGEROUS.findall(text) == []


def test_markup_would_be_seen() -> None:
    for bad in ("a.innerHTML = b", "a.style.color = b", 'load("https://example.com")', "eval(a)"):
        assert DANGEROUS.search(bad), bad


def test_the_markup_has_no_styles_scripts_or_addresses_of_its_own() -> None:
    text = (FILES / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"style=|<style|\son\w+=|https?:|<script(?! type=\"module\" src=\"live/)", text)
    assert re.findall(r"(?:src|href)=\"([^\"]*)\"", text) == ["live/page.css", "live/page.js"]
