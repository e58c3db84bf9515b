"""The page /live as an operator uses it, in a real browser: rows, filters, pausing, details, bounds."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, expect

from processor.telemetry.watch import LONGEST
from tests.browser.live_browser import looking
from tests.browser.live_entries import NOON, entry, failure, many, mix
from tests.browser.live_site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_rows_appear_as_events_come_the_newest_on_top(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await expect(look.text("state")).to_have_text("Connected")
        await expect(look.text("destination")).to_have_text("crm")
        await expect(look.text("about")).to_have_text("to https://crm.example.com, version 0.1.0")
        site.send(entry(offset=1), failure(offset=2))
        site.send(failure("retried", offset=3, partition=0))
        await expect(look.cells("position")).to_have_text(["events/0@3", "events/3@2", "events/3@1"])
        await expect(look.cells("outcome")).to_have_text(["retried", "dead-lettered", "delivered"])
        await expect(look.cells("answer")).to_have_text(
            [
                "503, again in 3.20 s: upstream connect error or disconnect/reset before headers",
                f"422 refused: {failure()['response']}",
                "200",
            ]
        )
        await expect(look.cells("event").first).to_have_text("track · Order Completed")
        await expect(look.rows.first.get_by_role("rowheader")).to_have_text("12:00:00.000")
        await expect(look.text("failures")).to_have_text("2")
        await expect(look.text("count")).to_have_text("3 of 3 rows shown, the newest 1,000 are kept")


async def test_the_worker_has_a_column_where_there_are_several(browser: Browser) -> None:
    async with Site(workers=2) as site, looking(browser, site.url) as look:
        await expect(look.text("about")).to_have_text("to https://crm.example.com, version 0.1.0, 2 workers")
        site.send(entry(worker=1))
        await expect(look.cells("worker")).to_be_visible()
        await expect(look.cells("worker")).to_have_text("1")


async def test_what_is_not_shown_is_counted_and_the_rate_is_told(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url, at=NOON) as look:
        await site.watched()
        site.send(*many(50), unseen=12_345)
        await expect(look.text("unseen")).to_have_text("12,345")
        await expect(look.text("rate")).to_have_text("10")
        await look.page.clock.run_for(6_000)
        await expect(look.text("unseen")).to_have_text("0")
        await expect(look.text("rate")).to_have_text("0")


async def test_a_filter_hides_rows_and_is_asked_of_the_server_and_put_into_the_link(
    browser: Browser, site: Site
) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(entry(offset=1), failure(offset=2), failure("held", offset=3), entry(offset=4, type="page"))
        await expect(look.rows).to_have_count(4)
        await look.page.get_by_label("Outcome").select_option("failures")
        await expect(look.cells("position")).to_have_text(["events/3@3", "events/3@2"])
        await look.page.get_by_label("Type").fill("TRACK")
        await look.page.get_by_label("Text").fill("3@2")
        await expect(look.cells("position")).to_have_text(["events/3@2"])
        await site.asked(outcome="failures", type="TRACK", text="3@2")
        assert site.queries[0] == {}
        assert parse_qs(urlsplit(look.page.url).fragment) == {
            name: [value] for name, value in site.queries[-1].items()
        }
        await expect(look.page.locator("td.note")).to_have_count(1)


async def test_typing_is_waited_for_before_the_server_is_asked(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url, at=NOON) as look:
        await site.watched()
        for words in ("u-17", " order"):
            await look.page.get_by_label("Text").press_sequentially(words)
            await look.page.clock.run_for(200)
        await look.page.clock.run_for(200)
        await site.watched(2)
        assert site.queries == [{}, {"text": "u-17 order"}]
        await look.page.get_by_label("Text").fill("at once")
        await look.page.keyboard.press("Enter")
        await site.asked(text="at once")
        await look.page.clock.run_for(400)
        await look.page.get_by_label("Text").fill("")
        await look.page.clock.run_for(400)
        await site.asked()
        assert look.page.url == site.url
        await look.page.keyboard.press("Tab")
        await look.page.get_by_label("Type").fill("page")
        await look.page.keyboard.press("Enter")
        await site.asked(type="page")
        assert site.queries[2:] == [{"text": "at once"}, {}, {"type": "page"}]


async def test_a_link_opens_with_its_filter(browser: Browser, site: Site) -> None:
    async with looking(browser, f"{site.url}#outcome=dead_lettered&text=a%26b%20c") as look:
        await site.watched()
        assert site.queries == [{"outcome": "dead_lettered", "text": "a&b c"}]
        await expect(look.page.get_by_label("Outcome")).to_have_value("dead_lettered")
        await expect(look.page.get_by_label("Text")).to_have_value("a&b c")
        await look.page.goto(f"{site.url}#outcome=nonsense&type=page")
        await site.watched(2)
        assert site.queries[1] == {"type": "page"}
        assert await look.page.get_by_label("Outcome").evaluate("field => field.selectedIndex") == 0
        await look.page.goto(f"{site.url}#text={'x' * 999}")
        await site.watched(3)
        assert site.queries[2] == {"text": "x" * LONGEST}


async def test_what_the_server_sends_under_a_filter_is_shown_whatever_the_page_thinks(
    browser: Browser, site: Site
) -> None:
    async with looking(browser, f"{site.url}#text=zebra") as look:
        await site.watched()
        site.send(entry())
        await expect(look.rows).to_have_count(1)


async def test_seen_types_are_offered(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(*mix(20))
        await expect(look.rows).to_have_count(20)
        offered = await look.page.locator("#types option").evaluate_all("all => all.map(one => one.value)")
        assert sorted(offered) == ["group", "identify", "page", "screen", "track"]


async def test_a_pause_keeps_rows_back_and_counts_them(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(entry(offset=1))
        await expect(look.rows).to_have_count(1)
        await look.text("pause").click()
        site.send(*many(1_200))
        site.send(*many(34))
        await expect(look.text("waiting")).to_have_text("1,234 new while paused")
        await expect(look.text("pause")).to_have_text("Resume")
        await expect(look.rows).to_have_count(1)
        await look.text("pause").click()
        await expect(look.rows).to_have_count(200)
        await expect(look.cells("position").first).to_have_text("events/3@33")
        await expect(look.text("waiting")).to_be_empty()
        await expect(look.text("count")).to_contain_text("200 of 1,000 rows")


async def test_keys_pause_and_resume(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        for key in ("p", "Space"):
            await look.page.keyboard.press(key)
            await expect(look.text("pause")).to_have_text("Resume")
            await look.page.keyboard.press(key)
            await expect(look.text("pause")).to_have_text("Pause")
        await look.page.keyboard.press("Control+p")
        await look.text("pause").focus()
        await look.page.keyboard.press("Space")
        await expect(look.text("pause")).to_have_text("Resume")


async def test_a_key_pressed_in_a_field_is_only_text(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await look.page.get_by_label("Text").press_sequentially("p p")
        await expect(look.page.get_by_label("Text")).to_have_value("p p")
        await expect(look.text("pause")).to_have_text("Pause")


async def test_rows_stand_still_while_the_list_is_scrolled(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(*many(100))
        await expect(look.rows).to_have_count(100)
        scroll = (
            "new Promise((done) => { list.addEventListener('scroll', () => done()); list.scrollTop = 500 })"
        )
        await look.text("list").evaluate(f"list => {scroll}")
        await expect(look.text("show")).to_be_hidden()
        site.send(*many(7))
        await expect(look.text("waiting")).to_have_text("7 new while you read")
        await look.page.get_by_role("button", name="Show them").click()
        await expect(look.rows).to_have_count(107)
        assert await look.text("list").evaluate("list => list.scrollTop") == 0


async def test_rows_stand_still_under_a_moving_pointer_and_go_on_when_it_rests(
    browser: Browser, site: Site
) -> None:
    async with looking(browser, site.url, at=NOON) as look:
        await site.watched()
        site.send(*many(20))
        await expect(look.rows).to_have_count(20)
        await look.page.mouse.move(300, 300)
        await look.page.mouse.move(310, 310)
        site.send(entry())
        await expect(look.text("waiting")).to_have_text("1 new while you read")
        await look.page.clock.run_for(3_000)
        await expect(look.rows).to_have_count(21)


async def test_rows_stand_still_while_one_is_open(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url, at=NOON) as look:
        await site.watched()
        site.send(*many(3))
        await look.rows.first.click()
        await look.page.clock.run_for(3_000)
        site.send(*many(2))
        await expect(look.text("waiting")).to_have_text("2 new while you read")
        await look.page.get_by_role("button", name="Close").click()
        await look.page.clock.run_for(3_000)
        await expect(look.rows).to_have_count(5)


async def test_clear_empties_the_table_and_new_rows_come_into_it(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(*many(30))
        await expect(look.rows).to_have_count(30)
        await look.page.get_by_role("button", name="Clear rows").click()
        await expect(look.rows).to_have_count(0)
        await expect(look.text("empty")).to_be_visible()
        site.send(entry())
        await expect(look.rows).to_have_count(1)


async def test_after_five_thousand_entries_a_thousand_are_kept_and_the_document_is_small(
    browser: Browser, site: Site
) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        for start in range(0, 5_000, 50):
            site.send(*(entry(offset=start + n) for n in range(50)))
            await asyncio.sleep(0)
        await expect(look.cells("position").first).to_have_text("events/3@4999")
        await expect(look.rows).to_have_count(200)
        assert await look.page.evaluate("document.querySelectorAll('*').length") < 3_000
        for shown in (400, 600, 800, 1_000):
            await look.page.get_by_role("button", name="Show older").click()
            await expect(look.rows).to_have_count(shown)
        await expect(look.page.get_by_role("button", name="Show older")).to_be_hidden()
        await expect(look.cells("position").last).to_have_text("events/3@4000")
        await look.text("list").evaluate("list => { list.scrollTop = 0 }")
        await expect(look.rows).to_have_count(200)


async def test_new_rows_among_a_thousand_touch_no_others(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.send(*many(1_000))
        await expect(look.rows).to_have_count(200)
        await look.page.evaluate(
            "window.touched = 0; new MutationObserver((seen) => seen.forEach((one) => {"
            " touched += one.addedNodes.length + one.removedNodes.length"
            "})).observe(document.getElementById('rows'), {childList: true, subtree: true, attributes: true})"
        )
        for batch in range(4):
            site.send(*(failure("retried", offset=batch * 13 + n) for n in range(13)))
        await expect(look.cells("position").first).to_have_text("events/3@51")
        assert await look.page.evaluate("touched") == 4 * (13 + 13)


async def test_what_is_held_back_is_bounded(browser: Browser, site: Site) -> None:
    async with looking(browser, site.url) as look:
        held = await look.page.evaluate(
            """async (entries) => {
                const { Rows } = await import(new URL("live/rows.js", location).href);
                const rows = new Rows(document.createElement("tbody"), () => {});
                rows.hold(true);
                for (let time = 0; time < 30; time++) rows.add(entries, "");
                return [rows.waitingCount, rows.waiting.length, rows.kept.length];
            }""",
            many(100),
        )
        assert held == [3_000, 1_000, 0]


async def test_fields_and_outcomes_that_the_page_does_not_know_are_shown(
    browser: Browser, site: Site
) -> None:
    async with looking(browser, site.url) as look:
        await site.watched()
        site.say("news", '{"a": 1}')
        site.send(entry(outcome="post_poned", moon={"phase": "full"}), {"outcome": None})
        site.say("entries", '{"entries": [7, null, {"at": "x", "key": ["k"]}]}')
        await expect(look.cells("outcome")).to_have_text(["–", "–", "post-poned"])
        await look.rows.last.click()
        await expect(look.details).to_contain_text('moon{"phase":"full"}')


async def test_the_page_works_behind_a_path_prefix(browser: Browser) -> None:
    async with Site(prefix="/teams/crm") as site, looking(browser, site.url) as look:
        await site.watched()
        site.send(entry())
        await expect(look.rows).to_have_count(1)
        assert all("/teams/crm/live" in url for url in look.requests)
