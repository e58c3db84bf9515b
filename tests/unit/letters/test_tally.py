"""What came of the letters is counted and said; a run that gets nowhere is seen."""

import json

import pytest

from processor.config.kafka import KafkaSettings
from processor.core.dead_letter import Failure
from processor.core.letters.redelivery import Excerpt, RedeliveryPolicy, Verdict
from processor.core.pace.circuit import State
from processor.kafka.checks.open_letters import OpenLetters
from processor.letters.redelivery import STUCK_SECONDS, Watch
from processor.letters.tally import DELIVERED, FAILED_AGAIN, Progress, Tally
from processor.model import Response, Signal
from processor.telemetry.facts import Broadcast, Tried
from tests.support.builders import record

FAILURE = Failure("refused", "no", "TASK_PUT", "x")
ANSWER = Response(404, None, b"")


def withheld(facts: Broadcast) -> None:
    facts.withheld(Tried(record(), None, 1, 0.0), FAILURE, ANSWER, is_first=True)


def test_every_end_is_counted_and_only_what_is_undone_is_no_success() -> None:
    tally = Tally()
    facts = Broadcast(tally)
    facts.delivered(record(), None, 1, 0.0, ANSWER, 0.0)
    facts.skipped(record(), "integrations")
    facts.skipped(record(), Verdict.OTHER)
    assert tally.is_clean()
    facts.dead_lettered(record(), FAILURE, is_whole=True)
    assert not tally.is_clean()
    assert tally.settled == {DELIVERED: 1, FAILED_AGAIN: 1, "integrations": 1, Verdict.OTHER: 1}


def test_how_far_it_is_is_said_for_people_and_for_machines() -> None:
    settled = {DELIVERED: 1200, FAILED_AGAIN: 3, Verdict.TOO_OFTEN: 2, "consent": 1}
    progress = Progress(1206, settled, 12.0)
    assert progress.line() == (
        "[############------------] 1,200 delivered, 3 failed again, 1 left out (consent), "
        "2 passed over (failed too often), 1,206 left, 12/s, 2 min to go"
    )
    assert json.loads(json.dumps(progress.fields())) == {
        "left": 1206,
        "delivered": 1200,
        "failed_again": 3,
        "consent": 1,
        "too_often": 2,
        "per_second": 12.0,
        "seconds_left": 100,
        "waits": None,
    }


@pytest.mark.parametrize(
    ("left", "rate", "waits", "end"),
    [
        (0, 0.0, None, "0 left, 0/s"),
        (9, 0.0, "endpoint: down", "9 left, 0/s, endpoint: down"),
        (80, 1.0, None, "80 left, 1/s, 80 s to go"),
        (72_000, 5.0, None, "72,000 left, 5/s, 4.0 h to go"),
    ],
)
def test_the_time_that_is_left_is_said_where_it_is_known(
    left: int, rate: float, waits: str | None, end: str
) -> None:
    assert Progress(left, {}, rate, waits).line().endswith(f", {end}")
    assert Progress(0, {}, 0.0).line().startswith("[########################]")


def test_a_run_that_settles_nothing_while_all_is_refused_is_over_but_not_while_the_endpoint_is_down() -> None:
    tally = Tally()
    facts = Broadcast(tally)
    kafka = KafkaSettings(bootstrap_servers="nowhere.invalid:1", group_id="g", topics=("events",))
    letters = OpenLetters(kafka, "events.dlq", "g.letters")
    watch = Watch(letters, Excerpt(RedeliveryPolicy(), {}), tally, lambda: None)
    over = STUCK_SECONDS + 1
    assert not watch.is_stuck(0.0)
    assert not watch.is_stuck(over)
    withheld(facts)
    assert watch.is_stuck(over + 1)
    facts.delivered(record(), None, 1, 0.0, ANSWER, 0.0)
    withheld(facts)
    assert not watch.is_stuck(over + 2)
    facts.circuit_changed(State.OPEN, Signal.UNREACHABLE, ANSWER)
    assert not watch.is_stuck(3 * over)
    facts.circuit_changed(State.CLOSED, Signal.DELIVERED, ANSWER)
    assert not watch.is_stuck(4 * over - 2)
    assert watch.is_stuck(5 * over)


@pytest.mark.parametrize("reason", [Signal.REFUSED, Signal.CREDENTIALS])
def test_an_endpoint_that_takes_nothing_we_send_is_not_waited_for(reason: Signal) -> None:
    tally = Tally()
    facts = Broadcast(tally)
    kafka = KafkaSettings(bootstrap_servers="nowhere.invalid:1", group_id="g", topics=("events",))
    letters = OpenLetters(kafka, "events.dlq", "g.letters")
    watch = Watch(letters, Excerpt(RedeliveryPolicy(), {}), tally, lambda: None)
    assert not watch.is_stuck(0.0)
    facts.circuit_changed(State.OPEN, reason, ANSWER)
    assert not watch.is_stuck(STUCK_SECONDS - 1)
    facts.circuit_changed(State.HALF_OPEN, reason, ANSWER)
    assert watch.is_stuck(STUCK_SECONDS + 1)
