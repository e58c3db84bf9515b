"""Those who look on: what they see of every way that a record can go, and what nobody sees."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from processor.core.dead_letter import CONNECT, REDELIVERIES, Failure
from processor.core.disclosure import DisclosurePolicy, Payloads
from processor.core.pace.admission import AdmissionPolicy
from processor.core.pace.budget import BudgetPolicy
from processor.core.pace.concurrency import ConcurrencyPolicy
from processor.core.redaction import Secrets
from processor.core.retry import RetryPolicy
from processor.errors import TransportError, WriteError
from processor.model import Request, Response
from processor.telemetry.facts import Tried
from processor.telemetry.live_events import IDLE_SECONDS, RECENT, Live
from processor.telemetry.watch import SHOWN, WINDOW_SECONDS, Entry, Filter, Happening
from tests.support.builders import record, response
from tests.support.fakes import VirtualClock
from tests.unit.traffic.test_delivery import House

EVENT = b'{"type":"track","event":"Order","properties":{"email":"a@b.example"}}'
EVERYTHING = Filter()


class Looking:
    """One who looks at what a delivery does."""

    def __init__(self, **house: Any) -> None:
        self.house = House(**house)
        self.entries()

    def entries(self) -> list[Entry]:
        """What has happened since."""
        return list(self.house.live.look("somebody", EVERYTHING).entries)

    def the_entry(self) -> Entry:
        """The one thing that has happened since."""
        (entry,) = self.entries()
        return entry


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def a_live(clock: VirtualClock, *secrets: str, payloads: Payloads = Payloads.NONE) -> Live:
    return Live(DisclosurePolicy(payloads, Secrets(secrets)), clock.time, lambda: clock.time() + 1e9)


def a_failure(**more: Any) -> Failure:
    return Failure("refused", "the endpoint answered 400", "TASK_PUT", "x", **more)


def test_a_delivery_is_seen_with_its_place_name_key_request_status_and_times() -> None:
    looking = Looking()
    looking.house.deliver(record(7, b"u-1", EVENT, timestamp=1e9 + 999))
    looking.house.clock.advance(0.5)
    looking.house.sender.answer(response(202, body=b"thanks"))
    entry = looking.the_entry()
    assert entry.outcome is Happening.DELIVERED
    assert (entry.topic, entry.partition, entry.offset, entry.bytes) == ("events", 0, 7, len(EVENT))
    assert (entry.type, entry.name, entry.key) == ("track", "Order", "u-1")
    assert (entry.method, entry.url) == ("POST", "https://h.example/base")
    assert (entry.status, entry.response, entry.attempts) == (202, "thanks", 1)
    assert (entry.seconds, entry.age, entry.at) == (0.5, 1.5, 1e9 + 1000.5)
    assert (entry.reason, entry.message, entry.retry_in, entry.payload) == (None, None, None, None)


@pytest.mark.parametrize(
    ("header", "again"), [(CONNECT + "topic", True), (REDELIVERIES, True), ("tenant", False)]
)
def test_what_was_a_dead_letter_before_is_marked(header: str, again: bool) -> None:
    looking = Looking()
    looking.house.deliver(record(7, value=EVENT, headers=((header, b"1"),)))
    looking.house.sender.answer()
    assert looking.the_entry().again is again


def test_an_attempt_that_failed_is_seen_with_the_answer_and_when_the_next_one_is_due() -> None:
    looking = Looking(retry=RetryPolicy(initial_backoff=4.0))
    looking.house.deliver(record())
    looking.house.sender.answer(response(503, body=b"down"))
    entry = looking.the_entry()
    assert (entry.outcome, entry.status, entry.response, entry.attempts) == (
        Happening.RETRIED,
        503,
        "down",
        1,
    )
    assert entry.retry_in == 4.0


def test_an_attempt_without_an_answer_is_seen_with_the_reason() -> None:
    looking = Looking()
    looking.house.deliver(record())
    looking.house.sender.answer(TransportError("answer_timeout", "no answer within 10 s"))
    entry = looking.the_entry()
    assert (entry.status, entry.reason, entry.message) == (None, "answer_timeout", "no answer within 10 s")


def test_a_dead_letter_is_seen_when_it_is_acknowledged() -> None:
    looking = Looking()
    looking.house.deliver(record(value=EVENT))
    looking.house.sender.answer(response(400, body=b"no such user"))
    entry = looking.the_entry()
    assert (entry.outcome, entry.reason, entry.status) == (Happening.DEAD_LETTERED, "refused", 400)
    assert (entry.message, entry.response) == (None, "no such user")
    assert (entry.attempts, entry.method) == (1, "POST")


def test_an_event_that_can_never_be_sent_is_seen_without_a_request() -> None:
    looking = Looking()
    looking.house.deliver(record(value=b"<a/>"))
    looking.house.clock.run()
    entry = looking.the_entry()
    assert (entry.outcome, entry.reason, entry.attempts) == (Happening.DEAD_LETTERED, "invalid_event", 0)
    assert (entry.method, entry.url, entry.request_headers, entry.type) == (None, None, (), None)
    assert "; it looks like XML or HTML" in (entry.message or "")


def test_a_dead_letter_that_cannot_be_written_is_seen_as_held() -> None:
    looking = Looking()
    looking.house.letters.error = WriteError("broker", "down")
    looking.house.deliver(record(value=b"<a/>"))
    looking.house.clock.run()
    entry = looking.the_entry()
    assert (entry.outcome, entry.reason) == (Happening.HELD, "invalid_event")
    assert entry.message == "its dead letter cannot be written, and is tried again"


def test_a_record_that_cannot_be_prepared_is_seen_as_held_without_secrets(clock: VirtualClock) -> None:
    live = a_live(clock, "hunter2")
    live.look("somebody", EVERYTHING)
    live.unprepared(record(7), "the registry refuses hunter2")
    (entry,) = live.look("somebody", EVERYTHING).entries
    assert (entry.outcome, entry.offset, entry.reason) == (Happening.HELD, 7, "preparation")
    assert entry.message == "the registry refuses ***"


def test_a_tombstone_that_is_skipped_is_seen() -> None:
    looking = Looking()
    looking.house.deliver(record(value=None))
    entry = looking.the_entry()
    assert (entry.outcome, entry.reason, entry.bytes) == (Happening.SKIPPED, "tombstone", None)


def test_a_refusal_that_becomes_no_dead_letter_is_seen_as_held() -> None:
    concurrency = ConcurrencyPolicy(1, adaptive=False)
    looking = Looking(admission=AdmissionPolicy(concurrency, budget=BudgetPolicy(1, 1)))
    for offset in (1, 2):
        looking.house.deliver(record(offset))
        looking.house.sender.answer(403)
    dead, held = looking.entries()
    assert (dead.outcome, dead.offset) == (Happening.DEAD_LETTERED, 1)
    assert (held.outcome, held.offset, held.status, held.attempts) == (Happening.HELD, 2, 403, 1)


def test_of_a_flood_only_what_is_shown_is_looked_into(clock: VirtualClock) -> None:
    live = a_live(clock)
    live.look("somebody", EVERYTHING)
    for offset in range(100):
        live.skipped(record(offset), "tombstone")
    batch = live.look("somebody", EVERYTHING)
    assert (len(batch.entries), batch.unseen) == (SHOWN, 100 - SHOWN)


def test_a_record_from_the_future_is_of_no_age(clock: VirtualClock) -> None:
    live = a_live(clock)
    live.dead_lettered(record(timestamp=9e9), a_failure(), is_whole=True)
    assert live.look("somebody", EVERYTHING).entries[0].age is None


def test_who_comes_later_sees_the_failures_of_late_and_no_deliveries(clock: VirtualClock) -> None:
    live = a_live(clock)
    assert not live.is_watched
    for offset in range(2 * RECENT):
        live.dead_lettered(record(offset), a_failure(), is_whole=True)
        clock.advance(WINDOW_SECONDS)
    seen = [entry.offset for entry in live.look("late", EVERYTHING).entries]
    assert seen == list(range(RECENT, 2 * RECENT))


def test_a_storm_of_failures_is_looked_into_a_few_times_only_while_nobody_looks(clock: VirtualClock) -> None:
    live = a_live(clock)
    for offset in range(1000):
        live.dead_lettered(record(offset), a_failure(), is_whole=True)
    assert len(live.look("late", EVERYTHING).entries) == 2


def test_who_does_not_ask_looks_no_more_and_who_leaves_neither(clock: VirtualClock) -> None:
    live = a_live(clock)
    live.look("a", EVERYTHING)
    live.look("b", EVERYTHING)
    live.unsubscribe("a")
    assert live.is_watched
    clock.advance(IDLE_SECONDS + 1)
    live.skipped(record(), "tombstone")
    assert not live.is_watched


def test_two_who_look_see_each_what_they_want(clock: VirtualClock) -> None:
    live = a_live(clock)
    live.look("a", Filter("skipped"))
    live.look("b", Filter("failures"))
    live.skipped(record(1), "tombstone")
    live.dead_lettered(record(2), a_failure(), is_whole=True)
    assert [entry.offset for entry in live.look("a", Filter("skipped")).entries] == [1]
    assert [entry.offset for entry in live.look("b", Filter("failures")).entries] == [2]


SECRET = "tok-123456"


def seen_of(live: Live) -> Entry:
    """What is shown of a request full of secrets and its answer."""
    headers = (("Content-Type", "application/json"), ("Authorization", f"Bearer {SECRET}"), ("X-A", "other"))
    asked = Request("POST", f"https://u:p@h.example/{SECRET}?a={SECRET}", headers, EVENT)
    live.look("somebody", EVERYTHING)
    tried = Tried(record(3, SECRET.encode(), EVENT, timestamp=1.0), asked, 1, 0.0)
    live.retried(tried, Response(500, None, f"you sent {SECRET}".encode()), 1.0)
    (entry,) = live.look("somebody", EVERYTHING).entries
    return entry


@pytest.mark.parametrize("payloads", Payloads)
def test_no_secret_is_ever_seen(clock: VirtualClock, payloads: Payloads) -> None:
    entry = seen_of(a_live(clock, SECRET, payloads=payloads))
    text = json.encode(entry)
    assert all(secret not in text for secret in (SECRET.encode(), b"u:p", b"other"))
    assert entry.url == "https://h.example/***"
    assert entry.request_headers == (
        ("Content-Type", "application/json"),
        ("Authorization", "***"),
        ("X-A", "***"),
    )


@pytest.mark.parametrize(
    ("payloads", "shown"),
    [
        (Payloads.NONE, None),
        (Payloads.MASKED, '{"type": "***", "event": "***", "properties": {"email": "***"}}'),
        (Payloads.FULL, EVENT.decode()),
    ],
)
def test_the_payload_is_shown_as_far_as_the_setting_says(
    clock: VirtualClock, payloads: Payloads, shown: str | None
) -> None:
    entry = seen_of(a_live(clock, payloads=payloads))
    assert entry.payload == shown
    assert (b"a@b.example" in json.encode(entry)) is (payloads is Payloads.FULL)


def test_half_a_surrogate_is_shown_as_the_replacement_character(clock: VirtualClock) -> None:
    live = a_live(clock, payloads=Payloads.MASKED)
    live.look("somebody", EVERYTHING)
    value = b'{"type":"track","event":"cut \\ud83d","\\ude00":1}'
    live.dead_lettered(record(1, b"k", value), a_failure(response=Response(400, None, b"")), is_whole=True)
    entry = live.look("somebody", EVERYTHING).entries[0]
    assert entry.name == "cut \ufffd"
    assert entry.payload == '{"type": "***", "event": "***", "\ufffd": "***"}'


@given(
    st.binary() | st.sampled_from([b'{"a":NaN}', b'{"type":"\\ud800","x":1}', b'{"\\udfff":1}', b"\xff"]),
    st.binary(),
    st.binary(),
    st.sampled_from(Payloads),
)
def test_whatever_an_event_holds_it_can_be_shown(
    value: bytes, key: bytes, body: bytes, payloads: Payloads
) -> None:
    live = a_live(VirtualClock(), payloads=payloads)
    live.look("somebody", EVERYTHING)
    live.dead_lettered(record(1, key, value), a_failure(response=Response(400, None, body)), is_whole=True)
    batch = live.look("somebody", EVERYTHING)
    assert len(batch.entries) == 1
    assert json.decode(json.encode(batch.entries[0]))["offset"] == 1
