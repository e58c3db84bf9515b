"""One entry of the page /live in full: by mouse, by keyboard, and with nothing added, dropped or obeyed."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.live_browser import Look, looking
from tests.browser.live_entries import NOON, entry, failure, many
from tests.browser.live_site import Entry, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def section(look: Look, title: str) -> str:
    """The text of a preformatted part of the pane."""
    return await look.details.get_by_role("region", name=title).inner_text()


async def opened(look: Look, site: Site, shown: Entry) -> None:
    """The pane with this entry."""
    await site.watched()
    site.send(shown)
    await look.rows.first.click()
    await expect(look.details).to_be_visible()


async def test_a_click_opens_everything_that_is_known(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await opened(look, site, failure(attempts=7, seconds=0.25, bytes=1_234))
        await expect(look.details.get_by_role("heading", level=2)).to_have_text("dead-lettered")
        pairs = await look.details.locator("dl").evaluate(
            "list => [...list.querySelectorAll('dt')].map(dt => [dt.textContent, dt.nextSibling.textContent])"
        )
        assert dict(pairs) == {
            "Happened": "12:00:00.000 (2025-11-26T12:00:00.000Z)",
            "Offset": "events/3@12345",
            "Key": "u-17",
            "Type": "track",
            "Name": "Order Completed",
            "Attempts": "7",
            "Status": "422",
            "Reason": "refused",
            "Message": "–",
            "Latency of the last attempt": "250 ms",
            "Age of the event": "1.20 s",
            "Next attempt in": "–",
            "Size of the value": "1,234 bytes",
            "Was a dead letter": "no",
            "Worker": "–",
        }
        assert (await section(look, "Request")).splitlines() == [
            "POST https://crm.example.com/hooks/rudderstack",
            "Content-Type: application/json",
            "Authorization: ***",
        ]
        assert "email is not an address" in await section(look, "Response")
        await expect(look.page.locator("#rows tr[aria-current=true]")).to_have_count(1)


async def test_a_payload_is_indented_and_no_token_of_it_is_changed(browser: Browser, site: Site) -> None:
    payload = r'{"id":12345678901234567890, "a":1.50,"a":[],"b":{ },"c":["x, y: {z}","\"\\"],"ü":{"d":null}}'
    async with looking(browser, site.url) as look:
        await opened(look, site, entry(payload=payload))
        assert (await section(look, "Payload")).splitlines() == [
            "{",
            '  "id": 12345678901234567890,',
            '  "a": 1.50,',
            '  "a": [],',
            '  "b": {},',
            '  "c": [',
            '    "x, y: {z}",',
            r'    "\"\\"',
            "  ],",
            '  "ü": {',
            '    "d": null',
            "  }",
            "}",
        ]


async def test_a_payload_that_is_no_json_is_shown_as_it_is(browser: Browser, site: Site) -> None:
    odd = ["no json at all, é", '{"cut": "of', '{"a":' * 5_000, " " * 150_000, "]]]}", '"\\', "x"]
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(*(entry(payload=payload) for payload in odd))
        await expect(look.rows).to_have_count(len(odd))
        part = look.details.get_by_role("region", name="Payload")
        for row, payload in enumerate(reversed(odd)):
            await look.rows.nth(row).click()
            shown = await part.evaluate("part => part.textContent")
            assert "".join(shown.split()) == "".join(payload.split())


@pytest.mark.parametrize(
    ("payloads", "payload", "title", "said"),
    [
        ("none", None, "Payload", "Not shown: the setting live.payloads is none."),
        ("full", None, "Payload", "There is none."),
        ("masked", '{"a":"***"}', "Payload, masked", '{\n  "a": "***"\n}'),
    ],
)
async def test_what_the_setting_says_of_payloads_is_said(
    browser: Browser, payloads: str, payload: str | None, title: str, said: str
) -> None:
    async with Site(payloads=payloads) as site, looking(browser, site.url) as look:
        await opened(look, site, entry(payload=payload))
        assert await section(look, title) == said


async def test_a_tombstone_has_no_request(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await opened(look, site, failure("skipped"))
        assert await section(look, "Request") == "No request was sent."


async def test_the_offset_is_copied_whole(browser: Browser, site: Site) -> None:
    topic = "t" * 249
    async with looking(browser, site.url, permissions=["clipboard-read", "clipboard-write"]) as look:
        await opened(look, site, entry(topic=topic))
        await look.page.get_by_role("button", name="Copy offset").click()
        await expect(look.page.get_by_role("button", name="Copied")).to_be_visible()
        assert await look.page.evaluate("navigator.clipboard.readText()") == f"{topic}/3@12345"


async def test_the_offset_is_copied_where_the_page_is_not_secure(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await look.page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        await opened(look, site, entry())
        await look.page.get_by_role("button", name="Copy offset").click()
        await expect(look.page.get_by_role("button", name="Copied")).to_be_visible()
        await look.page.get_by_label("Text").focus()
        await look.page.keyboard.press("Control+V")
        await expect(look.page.get_by_label("Text")).to_have_value("events/3@12345")


async def test_the_other_rows_of_a_record_are_one_click_away(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(failure("retried", offset=7), entry(offset=8), entry(offset=7))
        await look.rows.first.click()
        await look.page.get_by_role("button", name="Only this record").click()
        await expect(look.cells("position")).to_have_text(["events/3@7", "events/3@7"])
        await site.watched(2)
        assert site.queries[-1] == {"text": "events/3@7"}


async def test_the_keyboard_alone_walks_opens_reads_and_leaves(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        press = look.page.keyboard.press
        focused = look.page.locator(":focus")
        title = look.details.get_by_role("heading", level=2)
        await site.watched()
        site.send(entry(at=NOON), failure(at=NOON + 1), failure("held", at=NOON + 2))
        await expect(look.rows).to_have_count(3)
        await press("ArrowDown")
        await expect(focused).to_have_text("12:00:02.000")
        await press("ArrowDown")
        await expect(focused).to_have_text("12:00:01.000")
        await press("ArrowUp")
        await press("ArrowUp")
        await expect(focused).to_have_text("12:00:02.000")
        await press("ArrowDown")
        await expect(look.details).to_be_hidden()
        site.send(*many(2))
        await expect(look.text("waiting")).to_have_text("2 new while you read")
        await press("Enter")
        await expect(title).to_have_text("dead-lettered")
        await press("ArrowDown")
        await expect(title).to_have_text("delivered")
        site.send(*many(3))
        await expect(look.text("waiting")).to_have_text("5 new while you read")
        await press("Tab")
        await expect(focused).to_have_text("Close")
        await press("ArrowUp")
        await expect(focused).to_have_text("Close")
        await press("Escape")
        await expect(look.details).to_be_hidden()
        await press("Space")
        await expect(title).to_have_text("delivered")
        await press("Escape")
        await expect(look.details).to_be_hidden()
        await expect(focused).to_have_text("12:00:00.000")
        await press("Escape")
        await expect(look.text("list")).to_be_focused()
        await expect(look.rows).to_have_count(8)


async def test_the_keyboard_goes_beyond_the_rows_that_are_in_the_document(
    browser: Browser, site: Site
) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(*many(205))
        await expect(look.rows).to_have_count(200)
        await look.rows.last.get_by_role("button").focus()
        await look.page.keyboard.press("ArrowDown")
        await expect(look.rows).to_have_count(205)
        await expect(look.page.locator("tr:has(:focus) .position")).to_have_text("events/3@4")


HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(2)</script>\"'><svg onload=alert(3)>"
    "&amp;</pre></td>{{7*7}}\u202e"
)


async def test_hostile_text_is_shown_and_never_obeyed(browser: Browser) -> None:
    everywhere: Entry = {
        name: HOSTILE for name in entry() if name not in ("at", "request_headers", "payload")
    }
    hostile = everywhere | {"request_headers": [[HOSTILE, HOSTILE]], "payload": HOSTILE, HOSTILE: HOSTILE}
    async with Site(destination=HOSTILE, endpoint=HOSTILE) as cruel, looking(browser, cruel.url) as look:
        dialogs: list[str] = []
        look.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        before = await look.page.locator("img, script, svg").count()
        await opened(look, cruel, entry(**hostile))
        await expect(look.cells("event")).to_have_text(f"{HOSTILE} · {HOSTILE}")
        await expect(look.text("destination")).to_have_text(HOSTILE)
        text = await look.details.evaluate("pane => pane.textContent")
        assert text.count(HOSTILE) >= len(everywhere) - 2
        assert await look.page.locator("img, script, svg").count() == before == 1
        assert dialogs == []
        assert len(look.requests) == len({url for url in look.requests if "/live" in url})
