"""The page /live for everyone: screen readers, keyboards, both colour schemes, small screens, no motion."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser import axe
from tests.browser.live_browser import Look, looking
from tests.browser.live_entries import FAILURES, failure, many, mix
from tests.browser.live_screens import SCHEMES
from tests.browser.live_site import Site
from tests.support.not_tested import not_tested

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOWEST_CONTRAST = 4.5
_CONTRAST = """() => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const linear = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const groundOf = (element) => {
        const colour = numbers(getComputedStyle(element).backgroundColor);
        if (colour.length === 4 && colour[3] === 0) return groundOf(element.parentElement);
        return colour;
    };
    const judged = (element, words, pseudo) => {
        const [a, b] = [light(numbers(getComputedStyle(element, pseudo).color)), light(groundOf(element))];
        return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), words.trim().slice(0, 40)];
    };
    const found = [...document.body.querySelectorAll("*")].filter((one) => one.checkVisibility());
    return found.flatMap((one) => [
        ...[...one.childNodes].filter((node) => node.nodeType === 3 && node.data.trim())
            .map((node) => judged(one, node.data)),
        ...(one.placeholder ? [judged(one, one.placeholder, "::placeholder")] : []),
    ]);
}"""

_FOCUS = """() => {
    const { name, id, ariaLabel, textContent } = document.activeElement;
    const at = document.activeElement === document.body ? "" : name || id || ariaLabel || textContent;
    return [at, getComputedStyle(document.activeElement).outlineStyle];
}"""

_CUT = """() => {
    const whole = "html, #list, header, form, footer, thead th, tbody .time, tbody .outcome, tbody .note";
    const seen = [...document.querySelectorAll(whole)].filter((one) => one.checkVisibility());
    return seen.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.outerHTML.slice(0, 80));
}"""


async def filled(look: Look, site: Site) -> None:
    """The page with every outcome, a mark, rows that wait, a pane and a message of the form."""
    await site.watched()
    site.send(*mix(), *(failure(name) for name in FAILURES))
    await expect(look.rows).to_have_count(40 + len(FAILURES))
    await look.page.goto(f"{site.url}#text=events")
    await expect(look.page.locator("td.note")).to_have_count(1)
    await site.watched(2)
    await look.rows.nth(1).click()
    site.send(*many(3))
    await expect(look.text("waiting")).to_contain_text("new while you read")
    await look.page.evaluate("document.getElementById('login').hidden = false")
    await look.page.evaluate("document.getElementById('login-text').textContent = 'This token is refused.'")


async def violations(look: Look, site: Site, program: str) -> list[Any]:
    """What axe finds: the rule and the places."""
    await filled(look, site)
    await look.page.evaluate(program)
    found = await look.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert len(found["passes"]) > 20
    return [(one["id"], [node["html"][:100] for node in one["nodes"][:3]]) for one in found["violations"]]


@pytest.fixture
def program() -> str:
    """axe-core's source."""
    return axe.source() or not_tested(f"the page: no axe-core {axe.VERSION}; install npm")


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_axe_finds_nothing(browser: Browser, site: Site, program: str, scheme: str) -> None:
    async with looking(browser, site.url, color_scheme=scheme) as look:
        assert await violations(look, site, program) == []


async def test_axe_finds_what_is_planted(browser: Browser, program: str) -> None:
    planted = [
        ("index.html", '<label for="token">Token</label>', ""),
        ("index.html", '<html lang="en">', "<html>"),
        ("page.css", "--quiet: #54606c", "--quiet: #a0a8b0"),
    ]
    async with Site(planted=planted) as site, looking(browser, site.url, color_scheme="light") as look:
        rules = {rule for rule, _ in await violations(look, site, program)}
        assert rules >= {"label", "html-has-lang", "color-contrast"}
        found: list[tuple[float, str]] = await look.page.evaluate(_CONTRAST)
        assert "Latency" in {words for ratio, words in found if ratio < LOWEST_CONTRAST}


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_every_text_stands_out_from_its_ground(browser: Browser, site: Site, scheme: str) -> None:
    async with looking(browser, site.url, color_scheme=scheme) as look:
        await filled(look, site)
        found: list[tuple[float, str]] = await look.page.evaluate(_CONTRAST)
        assert len(found) > 200
        assert [(ratio, words) for ratio, words in found if ratio < LOWEST_CONTRAST] == []
        ground = await look.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


async def test_the_table_and_the_controls_have_names_and_roles(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(failure())
        await look.rows.first.click()
        await expect(look.page.locator("main")).to_match_aria_snapshot(
            """
            - main:
              - region "Latest deliveries and failures, newest first":
                - table "Latest deliveries and failures, newest first":
                  - rowgroup:
                    - row:
                      - columnheader "Time"
                      - columnheader "Outcome"
                      - columnheader "Event"
                      - columnheader "Answer"
                      - columnheader "Latency"
                      - columnheader "Offset"
                  - rowgroup:
                    - row:
                      - rowheader "12:00:00.000":
                        - button "12:00:00.000"
                      - cell "dead-lettered"
              - complementary "dead-lettered":
                - heading "dead-lettered" [level=2]
                - button "Close"
                - button "Copy offset"
                - button "Only this record"
                - term: Happened
                - heading "Request" [level=3]
                - region "Request"
                - heading "Payload" [level=3]
                - region "Payload"
                - heading "Response" [level=3]
                - region "Response"
            """
        )
        await expect(look.page.get_by_role("heading", level=1)).to_have_text("Live deliveries crm")


async def test_the_tab_key_reaches_every_control_in_order_and_the_focus_is_seen(
    browser: Browser, site: Site
) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(failure())
        await look.rows.first.click()
        await expect(look.details).to_be_visible()
        await look.page.evaluate("document.activeElement.blur()")
        walked = []
        for _ in range(16):
            await look.page.keyboard.press("Tab")
            name, outline = await look.page.evaluate(_FOCUS)
            walked += [name] if name else []
            assert outline == "solid" or not name, name
        controls = ["outcome", "type", "text", "pause", "clear", "list"]
        pane = ["Close", "Copy offset", "Only this record", "Request", "Payload", "Response"]
        start = walked.index("outcome")
        assert walked[start : start + len(controls)] == controls
        assert walked[:start] == pane


@pytest.mark.parametrize("width", [400, 800, 1280])
async def test_nothing_is_cut_off_at_any_width(browser: Browser, width: int) -> None:
    async with (
        Site(workers=2) as site,
        looking(browser, site.url, viewport={"width": width, "height": 720}) as look,
    ):
        await site.watched()
        site.send(*mix(), failure(key="k" * 199, response="r" * 500))
        await expect(look.rows).to_have_count(41)
        assert await look.page.evaluate(_CUT) == []
        for column in ("outcome", "event", "answer"):
            await expect(look.cells(column).first).to_be_in_viewport(ratio=0.9)
        for control in ("pause", "clear"):
            await expect(look.text(control)).to_be_in_viewport(ratio=1)
        assert await look.text("list").evaluate("list => list.clientHeight") > 250
        await look.rows.first.click()
        await expect(look.details.get_by_role("button", name="Close")).to_be_in_viewport(ratio=1)
        assert await look.details.evaluate("pane => pane.scrollWidth <= pane.clientWidth")
        await look.page.get_by_role("button", name="Close").click()
        await expect(look.details).to_be_hidden()


async def test_nothing_moves_by_itself_whatever_the_reader_prefers(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url, reduced_motion="no-preference") as look:
        await site.watched()
        site.send(*mix())
        await look.rows.first.click()
        moving = """[...document.querySelectorAll("*")].filter((one) => {
            const { animationName, transitionDuration, scrollBehavior } = getComputedStyle(one);
            return animationName !== "none" || transitionDuration !== "0s" || scrollBehavior !== "auto";
        }).length"""
        assert await look.page.evaluate(moving) == 0
        assert await look.page.evaluate("document.getAnimations().length") == 0
