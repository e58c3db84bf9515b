"""The page /live and its server: tokens, refusals, lost connections, silence, and streams cut anywhere."""

import json
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.live_browser import Look, looking
from tests.browser.live_entries import NOON, entry, failure
from tests.browser.live_site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_token_is_asked_for_refused_and_accepted_and_kept_for_the_tab(
    browser: Browser, site: Site
) -> None:
    site.token = "s3cret"
    async with looking(browser, site.url) as look:
        token = look.page.get_by_label("Token")
        await expect(look.text("state")).to_have_text("Not connected: a token is needed.")
        await expect(token).to_be_focused()
        await expect(look.page.get_by_role("alert")).to_be_empty()
        await look.page.keyboard.type("wrong")
        await look.page.keyboard.press("Enter")
        await expect(look.page.get_by_role("alert")).to_have_text("This token is refused.")
        await token.fill("ü")
        await look.page.keyboard.press("Enter")
        await expect(look.page.get_by_role("alert")).to_contain_text("printable ASCII")
        await token.fill(" s3cret ")
        await look.page.get_by_role("button", name="Watch").click()
        await expect(look.text("state")).to_have_text("Connected")
        await expect(token).to_be_hidden()
        assert site.tokens == [None, "Bearer wrong", "Bearer s3cret"]
        await look.page.reload()
        await expect(look.text("state")).to_have_text("Connected")
        assert site.tokens[3:] == ["Bearer s3cret"]
        kept = "[{...sessionStorage}, {...localStorage}, document.cookie]"
        session, local, cookie = await look.page.evaluate(kept)
        assert list(session.values()) == ["s3cret"]
        assert (local, cookie) == ({}, "")
        assert not any("s3cret" in url for url in look.requests)


async def test_a_token_that_is_not_valid_any_more_is_forgotten(browser: Browser, site: Site) -> None:
    site.token = "old"
    async with looking(browser, site.url) as look:
        await look.page.get_by_label("Token").fill("old")
        await look.page.keyboard.press("Enter")
        await expect(look.text("state")).to_have_text("Connected")
        site.token = "new"
        site.end()
        await expect(look.page.get_by_role("alert")).to_have_text("This token is refused.")
        assert await look.page.evaluate("sessionStorage.length") == 0


async def test_too_many_watchers_are_told_and_it_tries_again(browser: Browser, site: Site) -> None:
    site.refusing = 503
    async with looking(browser, site.url) as look:
        await expect(look.text("state")).to_contain_text("too many are watching. Trying again in")
        await expect(look.page.get_by_label("Token")).to_be_hidden()
        site.refusing = None
        await expect(look.text("state")).to_have_text("Connected")
        await expect(look.page.locator("td.note")).to_have_count(0)


@pytest.mark.parametrize("way", ["cut", "end"])
async def test_a_lost_connection_is_said_opened_again_and_the_gap_is_marked(
    browser: Browser, site: Site, way: str
) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(entry(offset=1))
        await expect(look.rows).to_have_count(1)
        getattr(site, way)()
        await expect(look.text("state")).to_contain_text("Connection lost")
        assert await look.text("state").get_attribute("role") == "status"
        await expect(look.text("state")).to_have_text("Connected")
        site.send(entry(offset=2))
        await expect(look.rows).to_have_count(2)
        texts = await look.page.locator("#rows tr").all_inner_texts()
        assert ["Not connected from " in text for text in texts] == [False, True, False]
        await expect(look.page.locator("td.note")).to_contain_text(
            "of that time at most some failures are shown"
        )


async def test_what_a_new_connection_repeats_has_one_row_and_what_was_cleared_stays_away(
    browser: Browser, site: Site
) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(failure(offset=1), failure("retried", offset=2))
        await expect(look.rows).to_have_count(2)
        await look.page.goto(f"{site.url}#outcome=failures")
        await site.watched(2)
        site.send(failure(offset=1), failure("retried", offset=2), failure(offset=2), failure(offset=3))
        await expect(look.cells("position")).to_have_text([f"events/3@{offset}" for offset in (3, 2, 2, 1)])
        await look.page.get_by_role("button", name="Clear rows").click()
        await look.page.goto(f"{site.url}#outcome=held")
        await site.watched(3)
        site.send(failure(offset=3), failure(offset=4))
        await expect(look.cells("position")).to_have_text(["events/3@4"])


async def told_wait(look: Look, why: str) -> float:
    """The seconds that the page says it waits; what it said is wiped, so that the next can be told."""
    await expect(look.text("state")).to_contain_text(f"{why}. Trying again in")
    said = (await look.text("state").inner_text()).rpartition("in ")[2].removesuffix(".")
    await look.text("state").evaluate("state => { state.textContent = '' }")
    number, unit = said.split()
    return float(number) / (1_000 if unit == "ms" else 1)


async def test_waits_grow_are_jittered_end_at_half_a_minute_and_begin_anew_after_a_good_connection(
    browser: Browser, site: Site
) -> None:
    site.refusing = 500
    async with looking(browser, site.url, at=NOON) as look:
        waits: list[float] = []
        for longest in (1, 2, 4, 8, 16, 30, 30):
            waits.append(await told_wait(look, "the server answers 500"))
            assert longest / 2 <= waits[-1] <= longest
            assert len(site.queries) == len(waits)
            site.refusing = 500 if len(waits) < 7 else None
            await look.page.clock.run_for(int(waits[-1] * 1_000) + 100)
        assert waits != [round(wait) for wait in waits]
        await expect(look.text("state")).to_have_text("Connected")
        await look.page.clock.run_for(11_000)
        site.end()
        assert await told_wait(look, "the server ended it") <= 1


async def test_silence_counts_as_lost_and_a_heartbeat_is_no_silence(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url, at=NOON) as look:
        await site.watched()
        site.send(entry())
        await expect(look.rows).to_have_count(1)
        await look.page.clock.run_for(20_000)
        site.put(": \n\n")
        site.send(entry())
        await expect(look.rows).to_have_count(2)
        await look.page.clock.run_for(20_000)
        await expect(look.text("state")).to_have_text("Connected")
        await look.page.clock.run_for(5_050)
        await expect(look.text("state")).to_contain_text("Connection lost: nothing came for 25 s")
        await look.page.clock.run_for(2_000)
        await site.watched(2)
        await expect(look.page.locator("td.note")).to_contain_text("Not connected from 12:00:2")


async def test_an_answer_that_is_no_stream_is_not_taken_for_one(browser: Browser) -> None:
    planted = [("stream.js", "`live/events$", "`live?$")]
    async with Site(planted=planted) as site, looking(browser, site.url) as look:
        await expect(look.text("state")).to_contain_text("the answer is no stream of events")


async def test_a_stream_that_cannot_be_read_is_opened_again(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.say("entries", '{"entries": [')
        await expect(look.text("state")).to_contain_text("the stream cannot be read")
        await site.watched(2)
        site.send(entry())
        await expect(look.rows).to_have_count(1)


async def test_failures_are_announced_now_and_then_only(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url, at=NOON) as look:
        heard = look.text("announcer")
        await site.watched()
        site.send(entry(outcome="retried"), entry())
        await expect(look.rows).to_have_count(2)
        await look.page.clock.run_for(1_000)
        await expect(heard).to_have_text("1 new failure")
        site.send(*[entry(outcome="held")] * 5)
        await expect(look.rows).to_have_count(7)
        await look.page.clock.run_for(10_000)
        await expect(heard).to_have_text("1 new failure")
        await look.page.clock.run_for(5_000)
        await expect(heard).to_have_text("5 new failures")
        assert await heard.get_attribute("role") == "status"


ANNOUNCED = """async () => {
    const { Counters } = await import(new URL("live/counters.js", location).href);
    const late = [];
    for (let began = 0; began < 5_000; began += 1) {
        const counters = new Counters();
        counters.add([{ outcome: "held" }], 0, began);
        counters.announcement(began);
        counters.add([{ outcome: "held" }], 0, began);
        if (counters.announcement(began + 14_999) || !counters.announcement(began + 15_000)) late.push(began);
    }
    return late;
}"""


async def test_a_failure_is_announced_at_its_tick_at_whatever_millisecond_the_page_began(
    browser: Browser, site: Site
) -> None:
    async with looking(browser, site.url) as look:
        assert await look.page.evaluate(ANNOUNCED) == []


STREAM = (
    ': hi\r\nevent: hello\r\ndata: {"a":\r\ndata:1}\r\nid: 7\r\n\r\n'
    "event:x\ndata\n\n:\n\nretry: 3\rdata:  é€😀\r\r\ndata: cut"
)
MESSAGES = [
    {"event": "hello", "data": '{"a":\n1}'},
    {"event": "x", "data": ""},
    {"event": "message", "data": " é€😀"},
]
PARSED = """async ([whole, pieces]) => {
    const { EventParser } = await import(new URL("live/events.js", location).href);
    return pieces.map((cuts) => {
        const parser = new EventParser();
        return cuts.flatMap(([from, to]) => parser.feed(whole.slice(from, to)));
    });
}"""


def cuts(length: int) -> list[list[list[int]]]:
    """In one piece, in two of every kind, and a character at a time."""
    two = [[[0, at], [at, length]] for at in range(length + 1)]
    return [[[0, length]], *two, [[at, at + 1] for at in range(length)]]


async def test_a_stream_is_read_alike_wherever_it_is_cut(browser: Browser, site: Site) -> None:
    length = len(STREAM.encode("utf-16-le")) // 2
    async with looking(browser, site.url) as look:
        read: list[Any] = await look.page.evaluate(PARSED, [STREAM, cuts(length)])
        assert len(read) == length + 3
        assert [one for one in read if one != MESSAGES] == []


async def test_characters_cut_by_the_network_stay_whole(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        text = json.dumps({"entries": [entry(key="é€😀")]}, ensure_ascii=False)
        for piece in ("event: entries\nda", f"ta: {text[:400]}", text[400:], "\n", "\n"):
            site.put(piece)
        await expect(look.cells("key")).to_have_text("é€😀")
