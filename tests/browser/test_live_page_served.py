"""The page /live on the admin port itself: what the page expects of the server is what the server does."""

import json
import re
from typing import Any

import msgspec
import pytest
from playwright.async_api import Browser, expect

from processor.telemetry.watch import FAILURES, LONGEST, Batch, Entry, Filter, Happening
from tests.browser import live_entries
from tests.browser.live_browser import looking
from tests.browser.live_entries import failure, mix
from tests.browser.live_site import FILES
from tests.support.endpoint import HOST
from tests.unit.admin.test_server import Shown, listening

served = pytest.mark.asyncio(loop_scope="session")


def batch(*entries: dict[str, Any]) -> Batch:
    """As the server holds them."""
    return Batch(tuple(msgspec.convert(entry, Entry) for entry in entries), 7)


@served
async def test_events_pass_from_the_admin_port_to_the_table_through_its_filter(browser: Browser) -> None:
    pages = Shown()
    pages.batch = batch(*mix(12))
    async with (
        listening(pages, live=True) as port,
        looking(browser, f"http://{HOST}:{port}/live#outcome=failures&text=A+b&type=Track") as look,
    ):
        await expect(look.text("state")).to_have_text("Connected")
        await expect(look.text("about")).to_have_text("to https://h.example, version 1.2.3")
        await expect(look.rows).to_have_count(12)
        assert list(pages.looked.values()) == [Filter("failures", "track", "a b")]
        await expect(look.text("letters")).to_be_hidden()
        pages.batch = batch(failure(key="late") | {"again": True})._replace(letters=1200)
        await expect(look.cells("key").first).to_have_text("late")
        await expect(look.cells("outcome").first).to_contain_text("(a dead letter before)")
        await expect(look.text("letters")).to_have_text(
            "1,200 dead letters are open: webhook-processor letters redeliver sends them again"
        )
        await look.rows.first.click()
        await expect(look.details).to_contain_text("Not shown: the setting live.payloads is none.")


@served
async def test_the_token_of_the_admin_port_opens_the_stream(browser: Browser) -> None:
    async with (
        listening(live=True, token="s3cret-token-of-the-port") as port,
        looking(browser, f"http://{HOST}:{port}/live") as look,
    ):
        await look.page.get_by_label("Token").fill("wrong")
        await look.page.keyboard.press("Enter")
        await expect(look.page.get_by_role("alert")).to_have_text("This token is refused.")
        await look.page.get_by_label("Token").fill("s3cret-token-of-the-port")
        await look.page.keyboard.press("Enter")
        await expect(look.text("state")).to_have_text("Connected")


def test_page_and_server_speak_of_the_same_fields_outcomes_and_lengths() -> None:
    fields = {field.name for field in msgspec.structs.fields(Entry)}
    assert set(live_entries.DELIVERED) == fields
    details, filters, form = (
        (FILES / name).read_text(encoding="utf-8") for name in ("details.js", "filters.js", "index.html")
    )
    known = re.findall(r"\w+", details.partition("const SHOWN")[2].partition("]);")[0])
    assert fields <= set(known)
    (listed,) = re.findall(r"const FAILURES = (\[.*\]);", filters)
    assert set(json.loads(listed)) == FAILURES
    offered = re.findall(r"<option(?: value=\"(\w*)\")?>(\w*)", form)
    assert {value or word for value, word in offered} == {"all", "failures", *Happening}
    assert f"const LONGEST = {LONGEST};" in filters
    assert form.count(f'maxlength="{LONGEST}"') == 2
