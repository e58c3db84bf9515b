"""Reports: what waits for them, what does not, and that each settled event has one."""

import json
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from processor.core.progress.assignment import Hold
from processor.core.progress.flow import FlowPolicy
from processor.core.progress.offset_codec import decode
from processor.core.reports.pressure import MOST
from processor.core.reports.report import Outcome, ReportPolicy
from processor.core.request.filters import FilterPolicy
from processor.errors import TransportError, WriteError
from processor.model import Answer, Partition
from processor.telemetry.watch import Filter, Happening
from processor.traffic.attempt import Stage
from tests.support.builders import FIRST, SECOND, record, response
from tests.support.examples import examples
from tests.unit.traffic.test_delivery import House as Alone
from tests.unit.traffic.test_pipeline import House

pytestmark = pytest.mark.usefixtures("nothing_is_reentered")

REQUIRED = ReportPolicy("test", is_required=True, body_bytes=100)
BEST_EFFORT = ReportPolicy("test")
DOWN = WriteError("unknown_topic", "no such topic")
LARGE = WriteError("too_large", "too large")


def told(house: Alone | House) -> list[tuple[int, str]]:
    """Offsets and outcomes of the reports that are there, in their order."""
    found = [json.loads(report.value or b"") for report in house.reports.letters]
    return [(each["offset"], each["outcome"]) for each in found]


def held(house: Alone) -> Hold | None:
    return house.flow.held().get(FIRST)


@pytest.mark.parametrize("policy", [REQUIRED, BEST_EFFORT])
def test_every_event_that_is_settled_is_reported_as_what_became_of_it(policy: ReportPolicy) -> None:
    house = Alone(reports=policy, filters=FilterPolicy(skip_tombstones=True))
    house.deliver(record(0), record(1), record(2, value=None), record(3, value=b"{"))
    house.sender.answer(200)
    house.sender.answer(response(400, body=b"no"))
    assert sorted(told(house)) == [
        (0, "delivered"),
        (1, "dead_lettered"),
        (2, "skipped"),
        (3, "dead_lettered"),
    ]
    assert sorted(each.offset for each in house.flow.settled_records) == [0, 1, 2, 3]
    assert house.count("delivery_reports_total", result="written") == 4
    assert (house.dispatch.stages(), house.reports.tried) == ({}, house.reports.letters)


def test_what_is_not_to_be_reported_waits_for_no_report_though_others_are_required() -> None:
    failures = replace(REQUIRED, outcomes=frozenset((Outcome.DEAD_LETTERED,)))
    house = Alone(reports=failures)
    house.reports.error = DOWN
    house.deliver(record(0), record(1), record(2, value=None))
    house.sender.answer(200)
    house.sender.answer(400)
    assert house.dispatch.stages() == {Stage.BLOCKED_REPORT: 1}
    assert sorted(each.offset for each in house.flow.settled_records) == [0, 2]


def test_nothing_is_reported_where_there_is_no_topic_for_it() -> None:
    house = Alone()
    house.deliver(record(0), record(1, value=None))
    house.sender.answer(200)
    assert house.reports.tried == []
    assert len(house.flow.settled_records) == 2


def test_a_report_tells_of_attempts_and_how_long_the_last_one_took() -> None:
    house = Alone(reports=REQUIRED)
    house.deliver(record())
    house.sender.answer(503)
    house.clock.advance(1.0)
    house.clock.advance(0.25)
    house.sender.answer(response(201, body=b"made"))
    (report,) = (json.loads(each.value or b"") for each in house.reports.letters)
    assert (report["attempts"], report["status"], report["body"]) == (2, 201, "made")
    assert report["first_attempt"] < report["last_attempt"]
    assert 0 < report["latency_ms"] < 1_250
    house.deliver(record(1))
    house.clock.advance(0.5)
    house.sender.answer(400)
    report = json.loads(house.reports.letters[-1].value or b"")
    assert (report["outcome"], report["latency_ms"]) == ("dead_lettered", 500.0)


def test_what_requires_its_report_is_settled_when_that_is_acknowledged_and_not_before() -> None:
    house = Alone(reports=REQUIRED)
    house.reports.answers = False
    house.deliver(record(0), record(1), record(2, value=None))
    house.sender.answer(200)
    house.sender.answer(400)
    assert house.dispatch.stages() == {Stage.REPORT: 3}
    assert (house.flow.settled_records, house.admission.in_flight()) == ([], 0)
    assert len(house.letters.letters) == 1
    house.reports.answer()
    assert len(house.flow.settled_records) == 3
    assert house.dispatch.stages() == {}


def test_while_a_required_report_cannot_be_written_its_partition_is_held_and_its_event_not_sent_again() -> (
    None
):
    house = Alone(reports=REQUIRED)
    house.reports.error = DOWN
    house.live.look("somebody", Filter())
    house.deliver(record(0), record(1))
    house.sender.answer(200)
    house.sender.answer(400)
    assert house.dispatch.stages() == {Stage.BLOCKED_REPORT: 2}
    assert held(house) is Hold.REPORT
    entries = house.live.look("somebody", Filter()).entries
    assert {(each.outcome, each.reason) for each in entries} >= {(Happening.HELD, "report")}
    house.clock.advance(600.0)
    assert house.flow.settled_records == []
    assert (len(house.sender.sent), len(house.letters.letters)) == (2, 1)
    tries = len(house.reports.tried)
    assert tries > 2 * 10
    assert house.count("delivery_reports_total", result="failed") == tries
    house.reports.error = None
    house.clock.advance(60.0)
    assert sorted(told(house)) == [(0, "delivered"), (1, "dead_lettered")]
    assert len(house.flow.settled_records) == 2
    assert (held(house), house.dispatch.stages()) == (None, {})


def test_what_is_written_again_counts_as_late_until_it_is_acknowledged_or_given_up() -> None:
    house = Alone(reports=REQUIRED)
    late, of_letters = house.dispatch.closing.late_reports, house.dispatch.closing.late_letters
    house.reports.error = house.letters.error = DOWN
    house.deliver(record(0), record(1))
    house.sender.answer(200)
    house.sender.answer(400)
    assert (late(), of_letters()) == (1, 1)
    house.reports.answers = house.letters.answers = False
    house.clock.advance(60.0)
    assert house.dispatch.stages() == {Stage.REPORT: 1, Stage.LETTER: 1}
    assert (late(), of_letters()) == (1, 1)
    house.reports.error = house.letters.error = None
    house.letters.answer()
    assert (late(), of_letters()) == (1, 0)
    house.abandon()
    assert (late(), of_letters()) == (0, 0)


def test_a_report_that_need_not_be_keeps_nothing_waiting_and_is_lost_and_counted() -> None:
    house = Alone(reports=BEST_EFFORT, max_in_flight=3 * MOST)
    house.reports.answers = False
    house.deliver(*(record(n) for n in range(MOST + 5)))
    for _ in range(MOST + 5):
        house.sender.answer(200)
    assert len(house.flow.settled_records) == MOST + 5
    assert (len(house.reports.tried), held(house)) == (MOST, None)
    assert house.count("delivery_reports_total", result="dropped") == 5
    house.reports.error = DOWN
    house.reports.answer()
    assert house.count("delivery_reports_total", result="failed") == MOST
    house.deliver(record(MOST + 5))
    house.sender.answer(200)
    assert house.count("delivery_reports_total", result="dropped") == 6
    house.reports.error = None
    house.clock.advance(1.0)
    house.deliver(record(MOST + 6))
    house.sender.answer(200)
    house.reports.answer()
    assert told(house) == [(MOST + 6, "delivered")]


def test_a_report_that_is_too_large_is_written_with_less_and_nothing_waits_for_that() -> None:
    house = Alone(reports=BEST_EFFORT)
    house.reports.error = LARGE
    house.reports.answers = False
    house.deliver(record(7, b"a long key"))
    house.sender.answer(200)
    house.reports.answer()
    least = house.reports.tried[-1]
    assert (len(house.reports.tried), least.key, least.headers) == (3, b"events/0/7", ())
    assert house.count("delivery_reports_total", result="failed") == 1


def test_no_new_record_is_begun_while_too_many_wait_to_be_reported() -> None:
    house = Alone(reports=REQUIRED, filters=FilterPolicy(skip_tombstones=True))
    house.reports.answers = False
    house.deliver(*(record(n, value=None) for n in range(MOST + 50)))
    assert house.dispatch.stages() == {Stage.REPORT: MOST}
    house.reports.answer()
    house.clock.run()
    assert house.dispatch.stages() == {Stage.REPORT: 50}
    house.dispatch.close()
    house.reports.answer()
    house.deliver(record(MOST + 50, value=None))
    assert (house.dispatch.stages(), len(house.flow.settled_records)) == ({}, MOST + 50)


def test_a_report_under_way_may_arrive_though_its_partition_leaves_and_a_rewrite_is_given_up() -> None:
    house = Alone(reports=REQUIRED)
    house.reports.answers = False
    house.deliver(record(0), record(1))
    house.sender.answer(200)
    house.abandon(waiting_only=True)
    assert house.dispatch.stages() == {Stage.REPORT: 1, Stage.ANSWER: 1}
    house.reports.error = DOWN
    house.reports.answer()
    assert house.dispatch.stages() == {Stage.ANSWER: 1}
    house.sender.answer(200)
    house.reports.error = None
    house.reports.answer()
    assert [each.offset for each in house.flow.settled_records] == [1]
    house.clock.advance(600.0)
    assert len(house.reports.tried) == 2


def test_a_report_acknowledged_after_its_record_was_given_up_counts_for_nothing() -> None:
    house = Alone(reports=REQUIRED)
    house.reports.answers = False
    house.deliver(record(0), record(1))
    house.sender.answer(200)
    house.sender.answer(400)
    house.abandon()
    house.reports.answer()
    assert (house.flow.settled_records, house.dispatch.stages()) == ([], {})
    assert house.count("delivery_reports_total", result="written") == 0
    assert house.admission.budget_left() == 99, "a letter that was written is paid for"


def covered(house: House, partition: Partition) -> set[int]:
    """What the newest commit that was asked for calls finished."""
    asked = next((each[partition] for each in reversed(house.source.commits) if partition in each), None)
    if asked is None:
        return set()
    beyond = [n for span in decode(asked.offset, asked.metadata) for n in range(*span)]
    return {*range(asked.offset), *beyond}


class Chances:
    """What may happen to a house, as chance has it."""

    def __init__(self, seed: int, *, moves: bool) -> None:
        self.random = Random(seed)
        self.house = House(
            flow=FlowPolicy(max_waiting_records=60),
            max_in_flight=7,
            chance=self.random.random,
            reports=REQUIRED,
        )
        self.house.source.assign(FIRST, SECOND)
        self.house.reports.answers = False
        self.things = [self.produce, self.produce, self.answer, self.answer, self.pass_time, self.report]
        self.things += [self.write, *([self.move] if moves else [])]

    def happen(self) -> None:
        """One of them."""
        self.random.choice(self.things)()
        self.house.dispatch.check()

    def produce(self) -> None:
        """Events that are delivered or refused, and such that are skipped, or no events."""
        house, where = self.house, self.random.choice((FIRST, SECOND))
        house.produce(self.random.randrange(4), where, keys=self.random.randrange(3))
        if self.random.random() < 0.3:
            house.source.append(where, value=self.random.choice((None, b"{")))
        house.source.fetch(20)

    def answer(self) -> None:
        """One of the requests is answered, or its connection ends."""
        answers: list[Answer] = [response(status) for status in (200, 200, 200, 400, 503)]
        answers.append(TransportError("reset", "gone"))
        if many := len(self.house.sender.open):
            self.house.sender.answer(self.random.choice(answers), self.random.randrange(many))

    def pass_time(self) -> None:
        self.house.clock.advance(self.random.choice((0.0, 0.3, 5.0)))

    def report(self) -> None:
        """What was reported is acknowledged, or refused."""
        self.house.reports.error = self.random.choice((None, None, None, DOWN, LARGE))
        self.house.reports.answer()
        self.house.clock.run()

    def write(self) -> None:
        self.house.letters.error = self.random.choice((None, WriteError("broker", "down")))

    def move(self) -> None:
        """A partition goes, and comes back."""
        if self.random.random() < 0.2:
            partition, source = self.random.choice((FIRST, SECOND)), self.house.source
            self.random.choice((source.revoke, source.lose))(partition)
            self.house.clock.advance(30.0)
            source.assign(partition)

    def end(self) -> None:
        """All is well, until nothing is left; then it stops."""
        house = self.house
        house.letters.error = house.reports.error = None
        house.reports.answers = True
        house.reports.answer()
        while house.source.fetch() or house.flow.waiting() != (0, 0):
            for _ in range(len(house.sender.open)):
                house.sender.answer(200)
            house.clock.advance(30.0)
        house.stop()
        house.clock.advance(60.0)


@pytest.mark.parametrize("moves", [False, True], ids=["stays", "moves"])
@pytest.mark.parametrize("seed", range(examples(4)))
def test_whatever_happens_all_that_is_committed_was_reported_before(seed: int, moves: bool) -> None:
    chances = Chances(seed, moves=moves)
    house = chances.house
    for _ in range(150):
        chances.happen()
        reported = reports_in(house)
        for partition in (FIRST, SECOND):
            assert all(reported[partition.topic, partition.number, n] for n in covered(house, partition))
        assert moves or not reported or max(reported.values()) == 1
    chances.end()
    assert (house.stops, house.dispatch.stages(), house.admission.in_flight()) == (1, {}, 0)
    events = {(p.topic, p.number, n) for p, log in house.source.logs.items() for n in range(len(log))}
    reported = reports_in(house)
    assert reported.keys() == events
    assert moves or set(reported.values()) == {1}


def reports_in(house: House) -> Counter[tuple[str, int, int]]:
    """How many are there of each event, by its coordinates."""
    found = (json.loads(report.value or b"") for report in house.reports.letters)
    return Counter((each["topic"], each["partition"], each["offset"]) for each in found)


def test_reports_of_a_key_come_in_the_order_of_its_events() -> None:
    house = House(reports=REQUIRED)
    house.source.assign(FIRST)
    for _ in range(20):
        house.source.append(FIRST, b"k")
    house.source.fetch()
    house.reports.error = DOWN
    for n in range(20):
        if n == 10:
            house.reports.error = None
            house.clock.advance(60.0)
        if house.sender.open:
            house.sender.answer(200)
    while house.sender.open:
        house.sender.answer(200)
    assert told(house) == [(n, "delivered") for n in range(20)]
    assert len(house.sender.sent) == 20


def test_what_comes_of_an_event_of_another_host_is_reported_too() -> None:
    house = Alone(reports=REQUIRED)
    house.deliver(record(0, value=b'{"fullPath":"https://other.example/"}'))
    house.sender.answer(200)
    assert told(house) == [(0, "delivered")]
