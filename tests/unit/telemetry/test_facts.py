"""A fact is told once, and heard by each who listens to it; telling it costs nothing beside."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from processor.core.age import Age
from processor.core.disclosure import DisclosurePolicy
from processor.model import Answer, Record, Request
from processor.telemetry.facts import ALL, PASSING, Broadcast, Facts, Listener
from processor.telemetry.live_events import IDLE_SECONDS, Live
from processor.telemetry.log_lines import LogLines
from processor.telemetry.metrics import ProcessMetrics
from processor.telemetry.tracing.traces import Traces
from processor.telemetry.watch import Filter
from tests.support.builders import record, response
from tests.support.fakes import VirtualClock


class Noting(Listener):
    """Hears of what is read and of what is delivered."""

    def __init__(self, name: str, heard: list[tuple[str, object]]) -> None:
        self._name = name
        self._heard = heard

    def consumed(self, topics: Mapping[str, int]) -> None:
        """So many records of each topic were read."""
        self._heard.append((self._name, topics))

    def delivered(
        self, record: Record, request: Request | None, attempts: int, at: float, answer: Answer, age: Age
    ) -> None:
        """A record was delivered."""
        self._heard.append((self._name, (record, request, attempts, at, answer, age)))


class Choosy(Noting):
    """Looks on now and then."""

    is_watched = False

    def attend(self, changed: Callable[[], None]) -> None:
        """`changed` is called by `look`."""
        self._changed = changed

    def look(self, is_watched: bool) -> None:
        """From now on, or no more."""
        self.is_watched = is_watched
        self._changed()


DELIVERED: Any = (record(), None, 1, 2.0, response(), 3.0)


def a_live(clock: VirtualClock) -> Live:
    return Live(DisclosurePolicy(), clock.time, clock.time)


def test_what_happened_is_told_to_each_who_listens_in_their_order() -> None:
    heard: list[tuple[str, object]] = []
    facts = Broadcast(Noting("a", heard), Listener(), Noting("b", heard))
    facts.consumed({"events": 3})
    assert heard == [("a", {"events": 3}), ("b", {"events": 3})]


def test_what_nobody_listens_to_is_told_to_nobody() -> None:
    heard: list[tuple[str, object]] = []
    Broadcast(Noting("a", heard)).troubled("_TRANSPORT", "broker down")
    Broadcast().withheld(DELIVERED[0], DELIVERED[1], None, is_first=True)
    assert heard == []


def test_between_a_fact_and_the_one_who_hears_it_nothing_stands() -> None:
    listener = Noting("a", [])
    facts = Broadcast(Listener(), listener)
    assert (facts.consumed, facts.delivered) == (listener.consumed, listener.delivered)


def test_what_passes_is_heard_by_those_who_look_on_only_while_they_do() -> None:
    heard: list[tuple[str, object]] = []
    always, choosy = Noting("always", heard), Choosy("choosy", heard)
    facts = Broadcast(always, choosy)
    told = []
    for is_watched in (False, True, False):
        choosy.look(is_watched)
        facts.delivered(*DELIVERED)
        told.append([name for name, _ in heard])
        heard.clear()
        facts.consumed({})
        assert [name for name, _ in heard] == ["always", "choosy"]
        heard.clear()
    assert told == [["always"], ["always", "choosy"], ["always"]]
    assert facts.delivered == always.delivered


def test_a_delivery_that_nobody_looks_at_is_told_to_the_metrics_and_by_no_detour() -> None:
    clock, metrics = VirtualClock(), ProcessMetrics("crm")
    live = a_live(clock)
    facts = Broadcast(metrics, LogLines(), live)
    for _ in range(2):
        for fact in PASSING:
            assert getattr(facts, fact) == getattr(metrics, fact)
        live.look("somebody", Filter())
        facts.delivered(*DELIVERED)
        facts.skipped(record(), "tombstone")
        assert [str(entry.outcome) for entry in live.look("somebody", Filter()).entries] == [
            "delivered",
            "skipped",
        ]
        live.unsubscribe("somebody")
    count = metrics.registry.get_sample_value
    labels = {"destination": "crm", "outcome": "delivered"}
    assert count("webhook_processor_deliveries_total", labels) == 2


def test_who_falls_silent_is_told_no_more_from_the_next_fact_on() -> None:
    clock, metrics = VirtualClock(), ProcessMetrics("crm")
    live = a_live(clock)
    facts = Broadcast(live, metrics)
    live.look("somebody", Filter())
    clock.advance(IDLE_SECONDS + 1)
    facts.skipped(record(), "tombstone")
    assert facts.skipped == metrics.skipped
    count = metrics.registry.get_sample_value
    labels = {"destination": "crm", "reason": "tombstone"}
    assert count("webhook_processor_records_skipped_total", labels) == 1


@pytest.mark.parametrize("fact", ALL)
def test_every_fact_is_heard_by_somebody(fact: str) -> None:
    kinds = (ProcessMetrics, LogLines, Live, Traces)
    assert [kind for kind in kinds if getattr(kind, fact) is not getattr(Facts, fact)]
