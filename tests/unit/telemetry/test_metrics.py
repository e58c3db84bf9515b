"""Every fact moves its metric, every scrape asks how the process stands, and no label grows with the data."""

import math
import re
from collections.abc import Callable, Iterable
from time import time
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from processor.core.age import Age, Unknown
from processor.core.dead_letter import Failure, of_event
from processor.core.group.stability import Stability
from processor.core.pace.circuit import State
from processor.core.pace.connections import Ending
from processor.core.progress.assignment import Hold
from processor.core.progress.flow import Flow, FlowPolicy
from processor.errors import EventError, TransportError, WriteError
from processor.model import Position, Record, Signal
from processor.telemetry.facts import Tried
from processor.telemetry.metrics import MOST_STATUSES, ProcessMetrics
from tests.support.builders import FIRST, SECOND, THIRD, assigned, record, records, response, snapshot

PREFIX = "webhook_processor_"
LABELS = {
    "destination",
    "error",
    "kind",
    "le",
    "outcome",
    "partition",
    "state",
    "status",
    "python",
    "reason",
    "result",
    "topic",
    "which",
    "version",
}
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"

Series = dict[tuple[str, ...], float]


class Clock:
    """A wall clock, moved by hand."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"\\]*)"')


def series(metrics: ProcessMetrics) -> Series:
    """Samples by short name and label values, sorted by label, the destination left out."""
    text, _ = metrics.exposition("")
    return {
        (
            name.removeprefix(PREFIX),
            *(said for label, said in sorted(LABEL.findall(labels)) if label != "destination"),
        ): float(value)
        for name, labels, value in SAMPLE.findall(text.decode())
    }


def moved(metrics: ProcessMetrics, fact: Callable[[], None]) -> Series:
    """What a fact adds, histogram buckets and creation times left out."""
    before = series(metrics)
    fact()
    return {
        key: value - before.get(key, 0.0)
        for key, value in series(metrics).items()
        if value != before.get(key, 0.0)
        and not key[0].endswith(("_bucket", "_created"))
        and not key[0].startswith("process_")
    }


def watched(now: Callable[[], float] = time, **more: Any) -> Series:
    """What is scraped from a process that stands so."""
    metrics = ProcessMetrics("crm", now)
    metrics.ask(lambda: snapshot(**more))
    return series(metrics)


def tried(one: Record) -> Tried:
    """Its first attempt."""
    return Tried(one, None, 1, 0.0)


def delivered(metrics: ProcessMetrics, age: Age) -> None:
    """A record of this age was."""
    metrics.delivered(record(), None, 1, 0.0, response(), age)


FAILURE = Failure("refused", "the endpoint answered 400", "DELIVERY", "x", attempts=3)

FACTS: list[tuple[Callable[[ProcessMetrics], None], Series]] = [
    (
        lambda t: t.consumed({"a": 3, "b": 2}),
        {("records_consumed_total", "a"): 3, ("records_consumed_total", "b"): 2},
    ),
    (
        lambda t: t.attempted(response(204), 0.25),
        {
            ("attempts_total", "2xx", "204"): 1,
            ("request_duration_seconds_count",): 1,
            ("request_duration_seconds_sum",): 0.25,
        },
    ),
    (
        lambda t: t.attempted(TransportError("answer_timeout", "no answer"), 10),
        {
            ("attempts_total", "answer_timeout", ""): 1,
            ("request_duration_seconds_count",): 1,
            ("request_duration_seconds_sum",): 10,
        },
    ),
    (lambda t: t.retried(tried(record()), response(503), 0.5), {("retries_total",): 1}),
    (lambda t: t.tried_again(), {("second_tries_total",): 1}),
    (
        lambda t: t.connected(0.25),
        {
            ("connections_opened_total",): 1,
            ("connect_duration_seconds_count",): 1,
            ("connect_duration_seconds_sum",): 0.25,
        },
    ),
    (lambda t: t.disconnected(Ending.MAX_AGE), {("connections_closed_total", "max_age"): 1}),
    (
        lambda t: delivered(t, 1.5),
        {
            ("deliveries_total", "delivered"): 1,
            ("end_to_end_latency_seconds_count",): 1,
            ("end_to_end_latency_seconds_sum",): 1.5,
        },
    ),
    (
        lambda t: delivered(t, Unknown.AHEAD),
        {("deliveries_total", "delivered"): 1, ("end_to_end_latency_unknown_total", "ahead"): 1},
    ),
    (
        lambda t: t.headless([record(3, headers=None)]),
        {("records_headless_total", "events"): 1},
    ),
    (
        lambda t: t.skipped(record(), "tombstone"),
        {("deliveries_total", "skipped"): 1, ("records_skipped_total", "tombstone"): 1},
    ),
    (
        lambda t: t.dead_lettered(record(), FAILURE, is_whole=True),
        {("deliveries_total", "dead_lettered"): 1, ("dead_letters_total", "refused"): 1},
    ),
    (
        lambda t: t.blocked(record(), FAILURE, WriteError("timed_out", "no answer")),
        {("dead_letter_write_failures_total", "timed_out"): 1},
    ),
    (lambda t: t.reported(record()), {("delivery_reports_total", "written"): 1}),
    (
        lambda t: t.unreported(record(), WriteError("timed_out", "no answer"), is_held=True),
        {("delivery_reports_total", "failed"): 1},
    ),
    (
        lambda t: t.unreported(record(), None, is_held=False),
        {("delivery_reports_total", "dropped"): 1},
    ),
    (lambda t: t.dropped_headers(2), {("event_headers_dropped_total",): 2}),
    (lambda t: t.came_late(), {("late_results_total",): 1}),
    (
        lambda t: t.committed({FIRST: None, SECOND: "refused", THIRD: None}),
        {
            ("commits_total", "acknowledged"): 2,
            ("commits_total", "failed"): 1,
            ("commit_errors_total", "events"): 1,
            ("last_commit_timestamp_seconds",): 1_000_000.0,
        },
    ),
    (
        lambda t: t.committed({FIRST: "refused"}),
        {("commits_total", "failed"): 1, ("commit_errors_total", "events"): 1},
    ),
    (lambda t: t.metadata_refused(1500, 750), {("commit_metadata_refusals_total",): 1}),
    (lambda t: t.commit_unanswered(30), {("commits_total", "unanswered"): 1}),
    (lambda t: t.rebalanced("revoked", [FIRST, SECOND]), {("rebalances_total", "revoked"): 1}),
    (
        lambda t: t.troubled("_ALL_BROKERS_DOWN", "all are down"),
        {("source_errors_total", "_ALL_BROKERS_DOWN"): 1},
    ),
    (lambda t: t.traced("failed", 5, "it says 403"), {("spans_total", "failed"): 5}),
    (lambda t: t.missed(FIRST, 100, 600), {("records_missed_total", "events"): 500}),
    (
        lambda t: t.withheld(tried(record()), FAILURE, None, is_first=False),
        {("dead_letters_withheld_total", "refused"): 1},
    ),
    (
        lambda t: t.circuit_changed(State.OPEN, Signal.NO_ANSWER, TransportError("reset", "gone")),
        {("circuit_changes_total", "no_answer", "open"): 1},
    ),
    (
        lambda t: t.circuit_changed(State.CLOSED, Signal.SERVER_ERROR, response()),
        {("circuit_changes_total", "server_error", "closed"): 1},
    ),
]


@pytest.mark.parametrize(("fact", "expected"), FACTS)
def test_a_fact_moves_its_metrics_and_no_others(
    fact: Callable[[ProcessMetrics], None], expected: Series
) -> None:
    metrics = ProcessMetrics("crm", Clock())
    assert moved(metrics, lambda: fact(metrics)) == expected
    again = {key: value for key, value in expected.items() if not key[0].startswith("last_commit")}
    assert moved(metrics, lambda: fact(metrics)) == again


def test_seconds_are_counted_in_the_bucket_they_belong_to() -> None:
    metrics = ProcessMetrics("crm", Clock())
    metrics.attempted(response(), 0.3)
    delivered(metrics, 20)
    found = series(metrics)
    assert found["request_duration_seconds_bucket", "0.25"] == 0
    assert found["request_duration_seconds_bucket", "0.5"] == 1
    assert found["end_to_end_latency_seconds_bucket", "10.0"] == 0
    assert found["end_to_end_latency_seconds_bucket", "30.0"] == 1


# Snapshots


def test_a_scrape_asks_how_the_process_stands() -> None:
    found = watched(
        in_flight=1,
        in_flight_limit=2,
        hosts_in_flight=11,
        hosts_down=12,
        max_in_flight=10,
        learnt_rate=12.5,
        retries_waiting=3,
        dead_letters_blocked=4,
        reports_blocked=13,
        waiting_records=5,
        waiting_bytes=6,
        ready=True,
        dead_letter_budget=7,
        endpoint_pause=8.0,
        lease=9.0,
    )
    names = (
        "in_flight",
        "in_flight_limit",
        "allowed_hosts_in_flight",
        "allowed_hosts_down",
        "max_in_flight",
        "learnt_rate_per_second",
        "retries_waiting",
        "dead_letters_blocked",
        "delivery_reports_blocked",
        "waiting_records",
        "waiting_bytes",
        "ready",
        "dead_letter_budget",
        "endpoint_pause_seconds",
        "lease_seconds",
    )
    assert [found[name,] for name in names] == [1, 2, 11, 12, 10, 12.5, 3, 4, 13, 5, 6, 1, 7, 8, 9]


def test_withheld_records_are_counted_by_what_is_wrong_with_them() -> None:
    found = watched(withheld={"refused": 3})
    assert (found["withheld_records", "refused"], found["withheld_records", "invalid_event"]) == (3, 0)


def test_a_budget_without_a_limit_is_infinite() -> None:
    assert watched(dead_letter_budget=None)["dead_letter_budget",] == math.inf


def test_open_letters_are_told_where_they_are_known() -> None:
    found = watched(lambda: 1e9 + 60.0, letters_open=3, letters_oldest_at=1e9)
    assert (found["letters_open",], found["letters_oldest_age_seconds",]) == (3, 60.0)
    none = watched(letters_open=0, letters_oldest_at=None)
    assert (none["letters_open",], none["letters_oldest_age_seconds",]) == (0, 0.0)
    unknown = watched(letters_open=None, letters_oldest_at=None)
    assert not {("letters_open",), ("letters_oldest_age_seconds",)} & unknown.keys()


@pytest.mark.parametrize("state", State)
def test_the_circuit_stands_in_one_state(state: State) -> None:
    found = watched(circuit=state)
    assert {key[1]: value for key, value in found.items() if key[0] == "circuit_state"} == {
        each.value: int(each is state) for each in State
    }


def test_every_scrape_asks_anew() -> None:
    metrics = ProcessMetrics("crm", Clock())
    counts = iter(range(10))
    metrics.ask(lambda: snapshot(in_flight=next(counts)))
    first, second = (series(metrics)["in_flight",] for _ in range(2))
    assert second == first + 1


def test_partitions_are_shown_as_flow_sees_them() -> None:
    flow, clock = Flow(FlowPolicy()), Clock()
    flow.assigned(assigned(FIRST, SECOND, committed=Position(100)))
    flow.received(records(range(100, 110)))
    flow.received([record(100, partition=SECOND, timestamp=clock.now - 60)])
    for each in flow.start(10)[3:8]:
        flow.finished(each)
    waiting, size = flow.waiting()
    found = watched(
        clock,
        waiting_records=waiting,
        waiting_bytes=size,
        ends={FIRST: 120, THIRD: 7},
        standings=list(flow.standings()),
    )
    assert found["assigned_partitions",] == 2
    assert found["waiting_records",] == 6
    assert found["lag_records", "0", "events"] == 20
    assert found["commit_gap_records", "0", "events"] == 8
    assert found["commit_gap_records", "1", "events"] == 0
    assert ("lag_records", "1", "events") not in found
    assert ("lag_records", "2", "events") not in found


def test_the_age_is_that_of_the_oldest_record_that_is_not_settled() -> None:
    flow, clock = Flow(FlowPolicy()), Clock()
    flow.assigned(assigned(FIRST, SECOND))
    first = record(0, timestamp=clock.now - 60)
    flow.received([first, record(0, partition=SECOND, timestamp=clock.now - 20)])
    flow.start(10)
    assert watched(clock, standings=list(flow.standings()))["oldest_unsettled_age_seconds",] == 60
    flow.finished(first)
    assert watched(clock, standings=list(flow.standings()))["oldest_unsettled_age_seconds",] == 20


def test_the_age_is_never_negative_and_zero_where_nothing_waits() -> None:
    flow, clock = Flow(FlowPolicy()), Clock()
    flow.assigned(assigned(FIRST))
    assert watched(clock, standings=list(flow.standings()))["oldest_unsettled_age_seconds",] == 0
    flow.received([record(0, timestamp=clock.now + 60)])
    assert watched(clock, standings=list(flow.standings()))["oldest_unsettled_age_seconds",] == 0


@pytest.mark.parametrize("timestamp", [None, 0.0, 2.0**62 / 1000])
def test_by_a_timestamp_that_tells_nothing_nothing_is_late(timestamp: float | None) -> None:
    flow, clock = Flow(FlowPolicy()), Clock(1.8e9)
    flow.assigned(assigned(FIRST, SECOND))
    flow.received([record(0, timestamp=timestamp), record(0, partition=SECOND, timestamp=clock.now - 20)])
    found = watched(clock, ends={FIRST: 0, SECOND: 1}, standings=list(flow.standings()))
    assert ("lag_seconds", "0", "events") not in found
    assert found["lag_seconds", "1", "events"] == 20
    assert found["oldest_unsettled_age_seconds",] == 20


def test_a_partition_is_as_late_as_the_record_at_its_position() -> None:
    flow, clock = Flow(FlowPolicy()), Clock()
    flow.assigned(assigned(FIRST, committed=Position(3)))
    flow.received([record(3, None, timestamp=clock.now - 60), record(4, None, timestamp=clock.now - 20)])
    first, second = flow.start(10)

    def lag() -> float | None:
        standings = list(flow.standings())
        return watched(clock, ends={FIRST: 5}, standings=standings).get(("lag_seconds", "0", "events"))

    assert lag() == 60
    flow.finished(second)
    assert lag() == 60
    flow.finished(first)
    assert lag() == 0


@pytest.mark.parametrize(
    ("committed", "end", "expected"),
    [
        (Position(5), 5, 0),
        (Position(5), 4, 0),
        (None, 0, 0),
        (Position(5), 6, None),
        (None, 6, None),
        (Position(5), None, None),
    ],
)
def test_how_late_a_partition_is_that_was_not_read_is_told_at_its_end_only(
    committed: Position | None, end: int | None, expected: float | None
) -> None:
    flow = Flow(FlowPolicy())
    flow.assigned(assigned(FIRST, committed=committed))
    ends = {} if end is None else {FIRST: end}
    found = watched(ends=ends, standings=list(flow.standings()))
    assert found.get(("lag_seconds", "0", "events")) == expected


def test_a_record_of_the_future_is_not_late() -> None:
    flow, clock = Flow(FlowPolicy()), Clock()
    flow.assigned(assigned(FIRST))
    flow.received([record(0, timestamp=clock.now + 60)])
    assert watched(clock, standings=list(flow.standings()))["lag_seconds", "0", "events"] == 0


def test_the_committed_offset_is_the_one_that_was_acknowledged() -> None:
    flow = Flow(FlowPolicy())
    flow.assigned(assigned(FIRST))
    flow.received(records([0, 1, 2]))

    def offset() -> float | None:
        return watched(standings=list(flow.standings())).get(("committed_offset", "0", "events"))

    for each in flow.start(10)[:2]:
        flow.finished(each)
    asked = flow.commits()
    assert offset() is None
    flow.committed(asked)
    assert offset() == 2


def test_paused_partitions_are_counted_for_every_reason() -> None:
    found = watched(held={FIRST: Hold.BYTES, SECOND: Hold.BYTES, THIRD: Hold.DEAD_LETTER})
    expected = {reason.value: 0 for reason in Hold} | {"bytes": 2, "dead_letter": 1}
    assert {key[1]: value for key, value in found.items() if key[0] == "paused_partitions"} == expected


def test_the_lag_is_never_negative() -> None:
    flow = Flow(FlowPolicy())
    flow.assigned(assigned(FIRST, committed=Position(100)))
    flow.received(records(range(100, 103)))
    assert watched(ends={FIRST: 50}, standings=list(flow.standings()))["lag_records", "0", "events"] == 0


def test_what_lies_behind_an_open_transaction_is_shown_and_since_when() -> None:
    flow, stability = Flow(FlowPolicy()), Stability()
    flow.assigned(assigned(FIRST, SECOND, committed=Position(100)))
    stability.measured({FIRST: 100, SECOND: 100}, {FIRST: 130, SECOND: 100}, 5.0)
    found = watched(
        ends={FIRST: 100, SECOND: 100},
        high={FIRST: 130, SECOND: 99},
        stability=stability,
        at=65.0,
        standings=list(flow.standings()),
    )
    assert found["lag_records", "0", "events"] == 0
    assert found["lag_high_watermark_records", "0", "events"] == 30
    assert found["lag_high_watermark_records", "1", "events"] == 0
    assert found["last_stable_offset_still_seconds", "0", "events"] == 60
    assert found["last_stable_offset_still_seconds", "1", "events"] == 0


def test_of_each_partition_it_is_shown_whether_it_can_be_read() -> None:
    flow = Flow(FlowPolicy())
    flow.assigned(assigned(FIRST, SECOND))
    found = watched(unreadable={SECOND: 7, THIRD: 7}, standings=list(flow.standings()))
    shown = {key: value for key, value in found.items() if key[0] == "partition_unreadable"}
    assert shown == {
        ("partition_unreadable", "0", "events"): 0,
        ("partition_unreadable", "1", "events"): 1,
    }


def test_partitions_that_went_are_not_shown_any_more() -> None:
    flow = Flow(FlowPolicy())
    metrics = ProcessMetrics("crm", Clock())
    metrics.ask(lambda: snapshot(ends={FIRST: 9, SECOND: 9}, standings=list(flow.standings())))
    flow.assigned(assigned(FIRST, SECOND))
    flow.received([record(0), record(0, partition=SECOND)])
    assert {key[1] for key in series(metrics) if key[0] == "lag_records"} == {"0", "1"}
    flow.released([FIRST])
    assert {key[1] for key in series(metrics) if key[0] == "lag_records"} == {"1"}


def test_credentials_are_counted_by_what_came_of_them_and_known_by_their_ends() -> None:
    metrics = ProcessMetrics("crm")
    assert series(metrics)["credential_fetches_total", "unreachable"] == 0
    metrics.credential_fetched("granted", 1700.0)
    metrics.credential_not_fetched("refused", "status 401")
    metrics.credential_refused(401)
    metrics.credential_refused(403)
    metrics.credential_not_reloaded("destination.tls", "it is half")
    metrics.certificate_read("client", 1000.0, 2000.0)
    found = series(metrics)
    assert found["credential_fetches_total", "granted"] == found["credential_fetches_total", "refused"] == 1
    assert (found["credential_refusals_total",], found["credential_reload_failures_total",]) == (2, 1)
    assert found["credential_expires_at_seconds",] == 1700.0
    assert found["certificate_valid_from_seconds", "client"] == 1000.0
    assert found["certificate_expires_at_seconds", "client"] == 2000.0


# The format


def everything(metrics: ProcessMetrics, seeds: Iterable[int] = (1,)) -> None:
    """Every fact, with data that differs from seed to seed."""
    for seed in seeds:
        one = record(seed, b"%d" % seed, b"{%d}" % seed, headers=((f"h{seed}", b"v"),), timestamp=seed)
        metrics.consumed({"events": seed})
        metrics.attempted(response(200 + seed % 400, body=b"%d" % seed), seed / 100)
        metrics.attempted(TransportError("reset", f"message {seed}"), seed)
        metrics.retried(tried(one), response(500 + seed % 100), seed)
        delivered(metrics, seed)
        metrics.headless([one])
        metrics.skipped(one, "tombstone")
        metrics.dead_lettered(one, of_event(EventError("invalid_url", f"message {seed}")), is_whole=True)
        metrics.blocked(one, FAILURE, WriteError("broker", f"message {seed}"))
        metrics.dropped_headers(seed)
        metrics.came_late()
        metrics.withheld(tried(one), FAILURE, None, is_first=False)
        metrics.missed(FIRST, seed, seed + 1)
        metrics.circuit_changed(State.OPEN, Signal.NO_ANSWER, response(503))
        metrics.committed({FIRST: None, SECOND: f"error {seed}"})
        metrics.commit_unanswered(seed)
        metrics.rebalanced("assigned", [FIRST._replace(number=seed)])
        metrics.troubled("_TRANSPORT", f"message {seed}")
        metrics.foreign("erp", seed)
        metrics.registry_answered(is_found=seed % 2 == 0)
        metrics.registry_failed("forbidden", f"message {seed}")
        metrics.traced("exported", seed, f"message {seed}")
        metrics.credential_fetched("granted", seed)
        metrics.credential_not_fetched("refused", f"message {seed}")
        metrics.credential_refused(401)
        metrics.credential_not_reloaded("destination.auth.token", f"message {seed}")
        metrics.certificate_read("client", seed, seed + 1)


def busy() -> ProcessMetrics:
    """Metrics of which each has a sample."""
    flow = Flow(FlowPolicy())
    flow.assigned(assigned(FIRST, committed=Position(0)))
    flow.received([record(0)])
    metrics = ProcessMetrics("crm", Clock())
    metrics.ask(
        lambda: snapshot(
            held={FIRST: Hold.BYTES},
            ends={FIRST: 9},
            high={FIRST: 9},
            standings=list(flow.standings()),
            letters_open=1,
            letters_oldest_at=Clock()(),
        )
    )
    everything(metrics)
    return metrics


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        ("", "text/plain", prometheus),
        ("*/*", "text/plain", prometheus),
        ("text/plain; version=0.0.4", "text/plain", prometheus),
        (OPEN_METRICS, "application/openmetrics-text", open_metrics),
        (f"{OPEN_METRICS},text/plain;version=0.0.4;q=0.5", "application/openmetrics-text", open_metrics),
    ],
)
def test_the_exposition_is_in_the_format_that_was_asked_for(
    accept: str, content_type: str, parse: Callable[[str], Iterable[Any]]
) -> None:
    text, said = busy().exposition(accept)
    assert said.startswith(content_type)
    families = list(parse(text.decode()))
    assert all(family.samples and family.documentation for family in families)
    assert len(families) > 30


def test_every_name_is_ours_or_the_process_and_every_label_is_known() -> None:
    text, _ = busy().exposition("")
    for family in prometheus(text.decode()):
        assert family.name.startswith((PREFIX, "process_"))
        for sample in family.samples:
            assert set(sample.labels) <= LABELS
            assert family.name.startswith("process_") or sample.labels["destination"] == "crm"


def test_names_tell_the_unit() -> None:
    text, _ = busy().exposition("")
    for family in prometheus(text.decode()):
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
        assert not family.name.endswith(("_ms", "_kb", "_mb"))


def test_series_do_not_grow_with_the_data() -> None:
    metrics = busy()
    everything(metrics, range(400))
    count = len(series(metrics))
    everything(metrics, range(400, 2_000))
    assert len(series(metrics)) == count
    assert {key[1] for key in series(metrics) if key[0] == "attempts_total"} == {
        *("2xx", "3xx", "4xx", "5xx"),
        "reset",
    }


def test_each_status_that_occurs_is_counted_and_those_that_are_too_many_by_their_class() -> None:
    metrics = ProcessMetrics("crm")
    for status in (*range(200, 200 + MOST_STATUSES), 404, 200, 404, 503):
        metrics.attempted(response(status), 0.1)
    found = {key[1:]: value for key, value in series(metrics).items() if key[0] == "attempts_total"}
    assert len(found) == MOST_STATUSES + 2
    assert (found["2xx", "200"], found["2xx", "239"]) == (2, 1)
    assert (found["4xx", "4xx"], found["5xx", "5xx"]) == (2, 1)


def test_counters_without_labels_are_there_from_the_start() -> None:
    found = series(ProcessMetrics("crm"))
    assert [found[f"{name}_total",] for name in ("retries", "late_results", "event_headers_dropped")] == [
        0
    ] * 3


def test_what_alerts_watch_for_growth_is_there_from_the_start() -> None:
    found = series(ProcessMetrics("crm"))
    for name, values in (
        ("deliveries_total", {"delivered", "skipped", "dead_lettered"}),
        ("commits_total", {"acknowledged", "failed", "unanswered"}),
        ("rebalances_total", {"assigned", "revoked", "lost"}),
    ):
        assert {key[1]: value for key, value in found.items() if key[0] == name} == dict.fromkeys(values, 0)


def test_what_is_missed_of_a_topic_is_counted_from_its_assignment_on() -> None:
    metrics = ProcessMetrics("crm")
    metrics.rebalanced("assigned", [FIRST, SECOND])
    assert series(metrics)["records_missed_total", "events"] == 0


def test_two_processors_in_one_process_do_not_share_metrics() -> None:
    first, second = ProcessMetrics("crm"), ProcessMetrics("crm")
    delivered(first, 1)
    assert series(second)["deliveries_total", "delivered"] == 0


def test_the_metrics_of_the_process_itself_are_there() -> None:
    assert ("process_resident_memory_bytes",) in series(ProcessMetrics("crm"))
