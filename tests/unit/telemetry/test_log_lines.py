"""Lines say where a record stood and why, never what it held; a flood of failures is no flood of lines."""

import pytest
from structlog.testing import capture_logs

from processor.core.pace.circuit import State
from processor.core.repeats import EVERY_SECONDS
from processor.errors import TransportError, WriteError
from processor.model import Partition, Record, Signal, Unreadable
from processor.telemetry.facts import Broadcast
from processor.telemetry.log_lines import LINES_PER_SECOND, LogLines
from processor.telemetry.metrics import ProcessMetrics
from tests.support.builders import FIRST, SECOND, record, response
from tests.unit.telemetry.test_metrics import FAILURE, Clock, series, tried

PAYLOAD = "personal-data-of-somebody"


@pytest.mark.parametrize("reason", ["certificate", "blocked"])
def test_what_only_the_operator_can_mend_is_said_loudly(reason: str) -> None:
    with capture_logs() as lines:
        LogLines(Clock()).retried(tried(record()), TransportError(reason, "h has none"), 0.5)
    (line,) = lines
    assert (line["log_level"], line["message"]) == ("warning", f"{reason}: h has none")


@pytest.mark.parametrize(
    ("state", "level"), [(State.OPEN, "warning"), (State.HALF_OPEN, "info"), (State.CLOSED, "info")]
)
def test_a_change_of_the_circuit_is_one_line_that_says_why(state: State, level: str) -> None:
    with capture_logs() as lines:
        LogLines(Clock()).circuit_changed(state, Signal.UNREACHABLE, TransportError("dns", "no h"))
    (line,) = lines
    assert (line["log_level"], line["circuit"], line["reason"]) == (level, state.value, "unreachable")
    assert line["last_answer"] == "dns: no h"


def test_an_endpoint_that_does_not_know_us_is_not_called_down() -> None:
    with capture_logs() as lines:
        LogLines(Clock()).circuit_changed(State.OPEN, Signal.CREDENTIALS, response(401))
        LogLines(Clock()).circuit_changed(State.HALF_OPEN, Signal.CREDENTIALS, response(200))
    (opened, half_opened) = (line["event"] for line in lines)
    assert "does not know us" in opened
    assert "answers a probe" in half_opened


def private(offset: int = 7) -> Record:
    """A record full of what may not be logged."""
    data = PAYLOAD.encode()
    return record(offset, data, data, headers=((PAYLOAD, data),))


def test_lines_say_where_a_record_stood_and_not_what_it_held() -> None:
    log_lines = LogLines(Clock())
    with capture_logs() as lines:
        log_lines.retried(tried(private()), response(500, body=PAYLOAD.encode()), 0.12345)
        failure = FAILURE._replace(response=response(400, body=PAYLOAD.encode()))
        log_lines.dead_lettered(private(), failure, is_whole=True)
        log_lines.blocked(private(), FAILURE, WriteError("broker", "no leader"))
        log_lines.unprepared(private(), "the registry does not answer")
        log_lines.unreported(private(), WriteError("broker", "no leader"), is_held=True)
    assert PAYLOAD not in repr(lines)
    assert all(line["partition"] == "events/0" and line["offset"] == 7 for line in lines)
    assert lines[0] == {
        "event": "attempt failed",
        "log_level": "info",
        "partition": "events/0",
        "offset": 7,
        "result": 500,
        "attempts": 1,
        "retry_in": 0.123,
        "message": "status 500",
    }
    assert (lines[1]["code"], lines[1]["attempts"], lines[2]["reason"]) == ("refused", 3, "broker")
    assert (lines[3]["log_level"], lines[3]["reason"]) == ("warning", "the registry does not answer")


def test_a_topic_whose_commits_are_refused_is_told_once_a_minute_and_when_it_is_over() -> None:
    clock = Clock()
    log_lines, other = LogLines(clock), Partition("other", 0)
    refused = dict.fromkeys((FIRST, SECOND), "TOPIC_AUTHORIZATION_FAILED")
    with capture_logs() as lines:
        for _ in range(120):
            log_lines.committed(refused)
            log_lines.committed({other: None})
            clock.now += 1
        log_lines.committed({FIRST: None, SECOND: None})
        log_lines.committed({FIRST: None, SECOND: None})
    told = [(line["event"], line["topic"]) for line in lines]
    assert told == [("commit failed", "events")] * 2 + [("commits are acknowledged again", "events")]
    assert (lines[0]["error"], lines[0]["partitions"]) == ("TOPIC_AUTHORIZATION_FAILED", 2)


def test_what_is_wrong_with_commits_and_brokers_is_said() -> None:
    log_lines = LogLines(Clock())
    with capture_logs() as lines:
        log_lines.committed({FIRST: None, SECOND: "rebalance in progress"})
        log_lines.commit_unanswered(30)
        log_lines.rebalanced("lost", [SECOND, FIRST])
        log_lines.troubled("_TRANSPORT", "broker down")
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("commit failed", "warning"),
        ("commit was not answered", "warning"),
        ("rebalanced", "info"),
        ("kafka client", "warning"),
    ]
    assert (lines[0]["topic"], lines[0]["partitions"]) == ("events", 1)
    assert lines[2]["partitions"] == ["events/0", "events/1"]


def test_of_a_partition_that_stands_still_the_place_and_the_way_out_are_said() -> None:
    bad = Unreadable(FIRST, 7, "_BAD_MSG", "MessageSet at offset 7 failed CRC32C check")
    log_lines = LogLines(Clock())
    with capture_logs() as lines:
        log_lines.unreadable(bad)
        log_lines.unreadable(bad._replace(error="_BAD_COMPRESSION"))
        log_lines.readable(FIRST, 7)
    assert all((line["partition"], line["offset"]) == ("events/0", 7) for line in lines)
    assert [line["log_level"] for line in lines] == ["error", "error", "info"]
    assert all("move the group past it" in line["way_out"] for line in lines[:2])
    assert "receive.message.max.bytes" in lines[1]["way_out"]


def test_a_flood_of_failures_is_so_many_lines_a_second_and_counted_all_the_same() -> None:
    clock = Clock()
    metrics = ProcessMetrics("crm", clock)
    facts = Broadcast(metrics, LogLines(clock))
    with capture_logs() as lines:
        for _ in range(100):
            facts.dead_lettered(record(), FAILURE, is_whole=True)
            facts.blocked(record(), FAILURE, WriteError("broker", "x"))
        assert len(lines) == LINES_PER_SECOND
        clock.now += 1
        for _ in range(100):
            facts.dead_lettered(record(), FAILURE, is_whole=True)
        assert len(lines) == 2 * LINES_PER_SECOND
    assert series(metrics)["dead_letters_total", "refused"] == 200


def test_of_all_that_is_withheld_the_first_is_said_with_the_ways_out() -> None:
    log_lines = LogLines(Clock())
    with capture_logs() as lines:
        for is_first in (True, False, False):
            log_lines.withheld(tried(private()), FAILURE, None, is_first=is_first)
    (line,) = lines
    assert (line["log_level"], line["code"], line["offset"]) == ("warning", "refused", 7)
    assert "dead_letter.always: [refused]" in line["remedy"]
    assert PAYLOAD not in repr(line)


def test_what_the_kafka_client_reports_is_told_once_then_summed_up_and_all_of_it_counted() -> None:
    clock = Clock()
    metrics, log_lines = ProcessMetrics("crm", clock), LogLines(clock)
    facts = Broadcast(metrics, log_lines)
    with capture_logs() as lines:
        for _ in range(100):
            facts.troubled("_TRANSPORT", "refused")
        facts.troubled("UNKNOWN_TOPIC_OR_PART", "not there", "orders")
        log_lines.sum_up()
        told = [(line["event"], line["error"], line.get("topic")) for line in lines]
        assert told == [
            ("kafka client", "_TRANSPORT", None),
            ("kafka client", "UNKNOWN_TOPIC_OR_PART", "orders"),
        ]
        for _ in range(3):
            clock.now += 60
            log_lines.sum_up()
    assert [(line["event"], line["times"], line["last"]) for line in lines[2:]] == [
        ("kafka client: the same again", 99, "refused"),
        ("kafka client: it is over", 100, "refused"),
    ]
    assert series(metrics)["source_errors_total", "_TRANSPORT"] == 100


def test_the_first_failed_attempt_of_a_kind_is_said_and_the_rest_is_counted() -> None:
    clock = Clock()
    log_lines = LogLines(clock)
    hangs = TransportError("answer_timeout", "no answer in time")
    with capture_logs() as lines:
        for _ in range(23):
            log_lines.retried(tried(record()), hangs, 0.5)
        log_lines.retried(tried(record()), response(503), 0.5)
        clock.now += 61.0
        log_lines.sum_up()
        clock.now += 61.0
        log_lines.sum_up()
    said = [
        (line["event"], line["result"], line.get("times")) for line in lines if line["log_level"] == "info"
    ]
    assert said == [
        ("attempt failed", "answer_timeout", None),
        ("attempt failed", 503, None),
        ("attempts failed again", "answer_timeout", 22),
        ("attempts failed, and do no more", "answer_timeout", 23),
    ]
    assert {line["message"] for line in lines if line["result"] == "answer_timeout"} == {str(hangs)}


def test_events_that_cannot_be_prepared_are_told_once_and_then_summed_up() -> None:
    clock = Clock()
    log_lines = LogLines(clock)
    with capture_logs() as lines:
        for offset in range(3):
            log_lines.unprepared(record(offset), f"reason {offset}")
        clock.now += EVERY_SECONDS
        log_lines.sum_up()
        clock.now += EVERY_SECONDS
        log_lines.sum_up()
    assert [(line["reason"], line.get("times")) for line in lines] == [
        ("reason 0", None),
        ("reason 2", 2),
        ("reason 2", 3),
    ]


def test_reports_that_are_late_or_lost_are_told_once_for_each_reason_and_then_summed_up() -> None:
    clock = Clock()
    log_lines = LogLines(clock)
    with capture_logs() as lines:
        for offset in range(2):
            log_lines.unreported(record(offset), WriteError("broker", "no leader"), is_held=True)
        for offset in range(3):
            log_lines.unreported(record(offset), None, is_held=False)
        clock.now += EVERY_SECONDS
        log_lines.sum_up()
    assert [(line["event"], line["result"], line.get("times")) for line in lines] == [
        ("report cannot be written, its event waits for that", "broker", None),
        ("report is lost", "dropped", None),
        ("reports cannot be written", "broker", 1),
        ("reports cannot be written", "dropped", 2),
    ]


def test_a_registry_that_fails_is_told_once_for_each_way_and_then_summed_up() -> None:
    clock = Clock()
    log_lines = LogLines(clock)
    with capture_logs() as lines:
        for result in ("server_error", "server_error", "throttled"):
            log_lines.registry_failed(result, f"it is {result}")
        clock.now += EVERY_SECONDS
        log_lines.sum_up()
    told = [(line["result"], line["reason"], line.get("times")) for line in lines]
    assert told == [
        ("server_error", "it is server_error", None),
        ("throttled", "it is throttled", None),
        ("server_error", "it is server_error", 1),
    ]


def test_spans_that_are_lost_are_told_once_for_each_way_and_those_that_leave_never() -> None:
    clock = Clock()
    log_lines = LogLines(clock)
    with capture_logs() as lines:
        log_lines.traced("exported", 5, "")
        for _ in range(2):
            log_lines.traced("failed", 5, "it says 403")
        clock.now += EVERY_SECONDS
        log_lines.sum_up()
    told = [(line["event"], line["result"], line["reason"], line.get("times")) for line in lines]
    assert told == [
        ("spans are lost, events are not", "failed", "it says 403", None),
        ("spans are lost, events are not", "failed", "it says 403", 1),
    ]


def test_credentials_that_are_not_granted_are_told_once_and_what_is_read_anew_by_its_setting() -> None:
    clock = Clock()
    log_lines = LogLines(clock)
    with capture_logs() as lines:
        for reason in ("status 401", "status 401", "status 500"):
            log_lines.credential_not_fetched("refused", reason)
        clock.now += EVERY_SECONDS
        log_lines.sum_up()
        clock.now += EVERY_SECONDS
        log_lines.sum_up()
        log_lines.credential_not_reloaded("destination.auth.token", "is empty")
        log_lines.credential_reloaded("destination.auth.token")
    assert [(line["log_level"], line.get("reason"), line.get("times")) for line in lines] == [
        ("warning", "status 401", None),
        ("warning", "status 500", 2),
        ("warning", "status 500", 3),
        ("warning", "is empty", None),
        ("info", None, None),
    ]
    assert lines[-1]["setting"] == "destination.auth.token"
