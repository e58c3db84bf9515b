"""Many records between a source, Flow and Delivery: real ones but for the world, in virtual time."""

import json
from collections import Counter
from collections.abc import Callable

import pytest

from processor.core.dead_letter import DeadLetterPolicy
from processor.core.pace.admission import Admission, AdmissionPolicy
from processor.core.pace.concurrency import ConcurrencyPolicy
from processor.core.progress.flow import Flow, FlowPolicy
from processor.core.progress.lanes import Order
from processor.core.progress.offset_codec import Span, decode
from processor.core.reports.report import ReportPolicy
from processor.core.request.transform import RequestPolicy
from processor.core.retry import RetryPolicy
from processor.errors import TransportError, WriteError
from processor.model import Answer, Lost, Partition, Position, Received, Request, Response, Stopped, Troubled
from processor.telemetry.facts import Broadcast
from processor.telemetry.log_lines import LogLines
from processor.telemetry.metrics import ProcessMetrics
from processor.traffic.assembly import Policies, Rooms, World, assemble
from processor.traffic.attempt import Stage
from processor.traffic.commits import ANSWER_SECONDS
from processor.traffic.pipeline import LAST_COMMIT_SECONDS, PipelinePolicy
from processor.traffic.preparation import Preparation
from processor.traffic.unprepared import MOST
from tests.support.builders import FIRST, SECOND, assigned, records
from tests.support.fakes import FakeDeadLetters, FakePreparation, FakeSender, FakeSource, VirtualClock

pytestmark = pytest.mark.usefixtures("nothing_is_reentered")


class House:
    """A processor without a network."""

    def __init__(
        self,
        *,
        flow: FlowPolicy = FlowPolicy(),
        max_in_flight: int = 64,
        admission: AdmissionPolicy | None = None,
        rule: Callable[[Request], Answer] | None = None,
        source: FakeSource | None = None,
        clock: VirtualClock | None = None,
        chance: Callable[[], float] = lambda: 1.0,
        most_unprepared: int = MOST,
        reports: ReportPolicy | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.preparation = FakePreparation(self.clock, Preparation(RequestPolicy("https://h.example/base")))
        self.preparation.is_late = lambda _: False
        self.source = source or FakeSource(self.clock)
        self.sender = FakeSender(self.clock, rule)
        self.letters = FakeDeadLetters(self.clock)
        self.reports = FakeDeadLetters(self.clock)
        self.metrics = ProcessMetrics("test")
        self.flow = Flow(flow)
        self.admission = Admission(
            admission or AdmissionPolicy(ConcurrencyPolicy(max_in_flight, adaptive=False))
        )
        self.failures: list[str] = []
        self.pipeline, self.dispatch = assemble(
            Policies(
                retry=RetryPolicy(),
                dead_letter=DeadLetterPolicy("test", "group", "1"),
                reports=reports or ReportPolicy("test"),
                pipeline=PipelinePolicy(commit_interval=1.0, drain_timeout=25.0),
                most_unprepared=most_unprepared,
            ),
            World(
                source=self.source,
                sender=self.sender,
                dead_letters=self.letters,
                reports=self.reports if reports else None,
                clock=self.clock,
                wall_clock=self.clock.time,
                chance=chance,
                failed=self.failures.append,
            ),
            Rooms(
                preparation=self.preparation,
                flow=self.flow,
                admission=self.admission,
                facts=Broadcast(self.metrics, LogLines()),
            ),
        )
        self.source.open(self.pipeline.take)
        self.pipeline.start()
        self.stops = 0

    def produce(self, count: int, partition: Partition = FIRST, keys: int = 0) -> None:
        """Append numbered events; with `keys`, that many keys in turn."""
        for n in range(count):
            key = str(n % keys).encode() if keys else None
            self.source.append(partition, key, json.dumps({"n": n}).encode())

    def sent(self) -> list[int]:
        """The numbers of the events sent."""
        return [json.loads(request.body or b"{}")["n"] for request in self.sender.sent]

    def open(self) -> list[int]:
        """The numbers of the events under way."""
        return [json.loads(sent.request.body or b"{}")["n"] for sent in self.sender.open]

    def room(self) -> int:
        """How many requests may leave now."""
        return self.admission.room(self.clock.time())

    def stages(self) -> Counter[Stage]:
        """How many records wait for what."""
        return self.dispatch.stages()

    def join(self, *partitions: Partition) -> None:
        """Own these, which are empty, with a first commit as the proof of it."""
        self.source.assign(*partitions)
        self.source.fetch()
        self.source.commits.clear()

    def stop(self) -> None:
        """Ask for the end."""
        self.pipeline.stop(self._stopped)
        self.clock.run()

    def committed(self, partition: Partition = FIRST) -> int | None:
        """The committed offset."""
        position = self.source.committed.get(partition)
        return position.offset if position else None

    def _stopped(self) -> None:
        self.stops += 1


@pytest.fixture
def house() -> House:
    house = House()
    house.join(FIRST)
    return house


def test_records_are_delivered_and_then_committed(house: House) -> None:
    house.produce(3)
    house.source.fetch()
    assert house.sent() == [0, 1, 2]
    for _ in range(3):
        house.sender.answer(200)
    assert house.committed() == 0
    house.clock.advance(1)
    assert house.committed() == 3


def test_an_offset_is_committed_only_when_all_before_it_are_finished_and_the_rest_is_in_the_metadata(
    house: House,
) -> None:
    house.produce(4)
    house.source.fetch()
    house.sender.answer(200, which=1)
    house.sender.answer(200, which=2)
    house.clock.advance(1)
    position = house.source.committed[FIRST]
    assert position.offset == 0
    assert decode(0, position.metadata) == (Span(1, 2), Span(3, 4))


def test_after_a_crash_only_what_was_not_finished_is_sent_again(house: House) -> None:
    house.produce(4)
    house.source.fetch()
    house.sender.answer(200, which=1)
    house.clock.advance(1)
    heir = House(source=house.source, clock=house.clock)
    heir.source.assign(FIRST)
    heir.source.fetch()
    assert heir.sent() == [0, 2, 3]


def test_requests_under_way_never_exceed_the_limit() -> None:
    house = House(max_in_flight=3)
    house.source.assign(FIRST)
    house.produce(10)
    house.source.fetch()
    while house.sender.open:
        house.sender.answer(200)
    assert house.sender.most_open == 3
    assert sorted(house.sent()) == list(range(10))


def test_records_of_one_key_go_one_after_the_other_and_other_keys_pass_by(house: House) -> None:
    house.produce(6, keys=2)
    house.source.fetch()
    assert house.open() == [0, 1]
    house.sender.answer(200, which=1)
    house.sender.answer(200, which=1)
    assert house.open() == [0, 5]
    house.sender.answer(503)
    assert house.open() == [5]
    house.clock.advance(1)
    assert house.open() == [5, 0]


def test_a_dead_lettered_record_lets_the_next_of_its_key_pass(house: House) -> None:
    house.produce(2, keys=1)
    house.source.fetch()
    house.sender.answer(400)
    assert house.open() == [1]


def test_nothing_passes_a_dead_letter_that_cannot_be_written(house: House) -> None:
    house.letters.error = WriteError("unknown_topic", "no such topic")
    house.produce(3, keys=1)
    house.source.fetch()
    house.sender.answer(400)
    house.clock.advance(120)
    assert house.sent() == [0]
    assert house.committed() == 0
    assert house.source.held == {FIRST}
    house.letters.error = None
    house.clock.advance(31)
    assert house.source.held == frozenset()
    house.sender.answer(200)
    house.sender.answer(200)
    house.clock.advance(1)
    assert house.committed() == 3


def test_intake_is_held_while_too_much_waits_and_goes_on_afterwards() -> None:
    house = House(flow=FlowPolicy(max_waiting_records=10))
    house.source.assign(FIRST)
    house.produce(30)
    house.source.fetch(most=10)
    assert house.source.held == {FIRST}
    assert house.source.fetch() == 0
    for _ in range(5):
        house.sender.answer(200)
    assert house.source.held == frozenset()
    assert house.source.fetch(most=10) == 10


def test_the_source_rests_while_plenty_may_start_and_until_half_of_it_has() -> None:
    house = House(flow=FlowPolicy(plenty=10), max_in_flight=1)
    house.join(FIRST)
    house.produce(30)
    house.source.fetch(most=10)
    assert house.source.rests == []
    house.source.fetch(most=10)
    assert house.source.rests == [True]
    for _ in range(14):
        house.sender.answer(200)
    assert house.source.rests == [True]
    house.sender.answer(200)
    assert house.source.rests == [True, False]


def test_the_source_rests_no_longer_when_what_might_start_is_lost() -> None:
    house = House(flow=FlowPolicy(plenty=10), max_in_flight=1)
    house.join(FIRST)
    house.produce(30)
    house.source.fetch(most=20)
    house.source.lose(FIRST)
    assert house.source.rests == [True, False]


def test_a_hold_is_told_again_when_the_partition_went_and_came_back_meanwhile() -> None:
    house = House(flow=FlowPolicy(max_waiting_records=4), max_in_flight=1)
    house.join(FIRST)
    house.produce(20)
    house.source.fetch(8)
    assert house.source.held == {FIRST}
    house.pipeline.take(Lost(frozenset({FIRST})))
    house.source.held = frozenset()
    house.pipeline.take(assigned(FIRST, epoch=9, committed=Position(0)))
    house.pipeline.take(Received(records(range(8), epoch=9), {}))
    house.clock.run()
    assert house.source.held == {FIRST}


def test_one_commit_is_under_way_at_a_time(house: House) -> None:
    house.source.answers_commits = False
    house.produce(2)
    house.source.fetch()
    house.sender.answer(200)
    house.clock.advance(1)
    house.sender.answer(200)
    house.clock.advance(5)
    assert len(house.source.commits) == 1
    house.source.answer_commits()
    house.clock.advance(1)
    assert [positions[FIRST].offset for positions in house.source.commits] == [1, 2]


def test_a_failed_commit_is_tried_again(house: House) -> None:
    house.source.commit_error = "NOT_COORDINATOR"
    house.produce(1)
    house.source.fetch()
    house.sender.answer(200)
    house.clock.advance(2)
    house.source.commit_error = None
    house.clock.advance(1)
    assert house.committed() == 1


def test_a_commit_that_is_never_answered_does_not_end_all_commits(house: House) -> None:
    house.source.answers_commits = False
    house.produce(2)
    house.source.fetch()
    house.sender.answer(200)
    house.clock.advance(ANSWER_SECONDS + 2)
    assert len(house.source.commits) == 2
    house.source.answer_commits()
    assert house.committed() == 1


def test_what_is_committed_already_is_not_committed_again(house: House) -> None:
    house.produce(1)
    house.source.fetch()
    house.sender.answer(200)
    house.clock.advance(10)
    assert len(house.source.commits) == 1


def test_a_revoked_partition_is_released_when_its_running_work_is_done_and_committed(house: House) -> None:
    house.produce(100, keys=50)
    house.source.fetch()
    running = len(house.open())
    house.source.revoke(FIRST)
    for _ in range(running):
        assert house.source.let_go == []
        house.sender.answer(200)
    assert house.source.let_go == [frozenset({FIRST})]
    assert house.committed() == running
    assert len(house.sent()) == running


def test_a_revoked_partition_does_not_wait_for_retries(house: House) -> None:
    house.produce(1)
    house.source.fetch()
    house.sender.answer(503)
    house.source.revoke(FIRST)
    assert house.source.let_go == [frozenset({FIRST})]
    house.clock.advance(100)
    assert house.sent() == [0]


def test_a_record_of_a_revoked_partition_that_fails_is_left_to_whoever_reads_it_next(house: House) -> None:
    house.produce(2)
    house.source.fetch()
    house.source.revoke(FIRST)
    house.sender.answer(503)
    assert house.source.let_go == []
    house.sender.answer(200)
    assert house.source.let_go == [frozenset({FIRST})]
    house.clock.advance(100)
    assert (house.sent(), house.stages()) == ([0, 1], {})


def test_a_dead_letter_of_a_revoked_partition_that_cannot_be_written_holds_it_up_no_longer(
    house: House,
) -> None:
    house.letters.answers = False
    house.letters.error = WriteError("timed_out", "")
    house.produce(1)
    house.source.fetch()
    house.sender.answer(400)
    house.source.revoke(FIRST)
    assert house.source.let_go == []
    house.letters.answer()
    house.clock.run()
    assert house.source.let_go == [frozenset({FIRST})]
    assert house.committed() == 0


def test_a_revoked_partition_is_released_at_the_deadline_and_its_requests_are_cancelled(house: House) -> None:
    house.produce(1)
    house.source.fetch()
    house.source.revoke(FIRST)
    house.clock.advance(24.9)
    assert house.source.let_go == []
    house.clock.advance(0.2)
    assert house.source.let_go == [frozenset({FIRST})]
    assert house.open() == []
    assert house.room() == 64


@pytest.mark.parametrize("answered_after", [0, 30])
def test_a_partition_that_is_ours_again_before_it_was_released_is_not_released_any_more(
    house: House, answered_after: int
) -> None:
    """The source has waited as long as it may, as where this loop stood still."""
    house.produce(1)
    house.source.fetch()
    house.source.revoke(FIRST)
    house.source.assign(FIRST)
    house.source.fetch()
    house.clock.advance(answered_after)
    assert house.open() == [0]
    house.sender.answer(200)
    house.clock.advance(1)
    house.produce(1)
    house.source.fetch()
    assert (house.open(), house.committed(), len(house.sender.sent)) == ([0], 1, 3)
    assert FIRST not in frozenset().union(*house.source.let_go)


def test_an_earlier_revocation_does_not_shorten_the_time_of_a_later_one(house: House) -> None:
    house.produce(1)
    house.source.revoke(FIRST)
    house.clock.advance(20)
    house.source.assign(FIRST)
    house.source.fetch()
    house.source.revoke(FIRST)
    house.clock.advance(20)
    assert house.open() == [0]


def test_a_lost_partition_is_dropped_at_once_and_nothing_of_it_is_committed(house: House) -> None:
    house.produce(2)
    house.source.fetch()
    house.sender.answer(200)
    house.source.lose(FIRST)
    assert house.open() == []
    house.clock.advance(60)
    assert house.source.commits == []
    assert house.flow.waiting() == (0, 0)


def test_a_partition_lost_while_it_is_handed_back_is_released(house: House) -> None:
    house.produce(1)
    house.source.fetch()
    house.source.revoke(FIRST)
    house.pipeline.take(Lost(frozenset({FIRST})))
    house.clock.run()
    assert house.source.let_go == [frozenset({FIRST})]
    assert house.source.commits == []


def test_what_runs_of_a_partition_that_is_assigned_anew_is_given_up_and_read_again(house: House) -> None:
    house.produce(2)
    house.source.fetch()
    house.source.assign(FIRST)
    house.source.fetch()
    house.dispatch.check()
    assert house.open() == [0, 1]
    for _ in range(2):
        house.sender.answer(200)
    house.clock.advance(1)
    assert (house.sent(), house.committed()) == ([0, 1, 0, 1], 2)


def test_other_partitions_go_on_while_one_is_handed_back(house: House) -> None:
    house.source.assign(SECOND)
    house.produce(1, FIRST)
    house.source.fetch()
    house.source.revoke(FIRST)
    house.produce(2, SECOND)
    house.source.fetch()
    assert len(house.open()) == 3
    house.sender.answer(200, which=1)
    house.sender.answer(200, which=1)
    house.clock.advance(1)
    assert house.committed(SECOND) == 2


def test_offsets_that_hold_no_record_are_passed(house: House) -> None:
    house.produce(1)
    house.source.append_gap(FIRST)
    house.source.fetch()
    house.sender.answer(200)
    house.clock.advance(1)
    assert house.committed() == 2


def test_a_stop_starts_nothing_more_and_lets_running_requests_finish(house: House) -> None:
    house.produce(200)
    house.source.fetch()
    house.stop()
    assert house.stops == 0
    while house.sender.open:
        house.sender.answer(200)
    assert (house.stops, len(house.sent()), house.committed()) == (1, 64, 64)
    assert house.source.held == {FIRST}


def test_a_stop_ends_at_its_deadline_and_commits_what_is_finished(house: House) -> None:
    house.produce(2)
    house.source.fetch()
    house.sender.answer(200)
    house.stop()
    house.clock.advance(26)
    assert (house.stops, house.committed(), house.open()) == (1, 1, [])


def test_a_stop_ends_even_when_the_broker_does_not_answer(house: House) -> None:
    house.source.answers_commits = False
    house.produce(1)
    house.source.fetch()
    house.sender.answer(200)
    house.stop()
    assert house.stops == 0
    house.clock.advance(LAST_COMMIT_SECONDS)
    assert house.stops == 1


def test_a_stop_waits_for_the_commit_under_way_and_commits_the_rest(house: House) -> None:
    house.source.answers_commits = False
    house.produce(2)
    house.source.fetch()
    house.sender.answer(200)
    house.clock.advance(1)
    house.sender.answer(200)
    house.stop()
    house.source.answer_commits()
    house.source.answer_commits()
    assert (house.stops, house.committed()) == (1, 2)


def test_a_last_commit_that_fails_is_tried_again(house: House) -> None:
    house.source.commit_error = "COORDINATOR_LOAD_IN_PROGRESS"
    house.produce(1)
    house.source.fetch()
    house.sender.answer(200)
    house.stop()
    house.source.commit_error = None
    house.clock.advance(1)
    assert (house.stops, house.committed()) == (1, 1)


def test_a_stop_with_nothing_to_do_is_over_at_once(house: House) -> None:
    house.stop()
    assert house.stops == 1
    house.clock.advance(100)
    assert house.stops == 1


def test_a_partition_assigned_during_a_stop_is_held_and_given_back(house: House) -> None:
    house.produce(1, SECOND)
    house.produce(1, FIRST)
    house.source.fetch()
    house.stop()
    house.source.assign(SECOND)
    house.clock.run()
    assert SECOND in house.source.held
    house.source.revoke(SECOND)
    assert house.source.let_go == [frozenset({SECOND})]
    assert len(house.sent()) == 1


def test_a_source_that_cannot_go_on_is_reported(house: House) -> None:
    house.pipeline.take(Troubled("_ALL_BROKERS_DOWN", "1/1 brokers are down"))
    assert house.failures == []
    house.pipeline.take(Stopped("fenced"))
    assert house.failures == ["fenced"]


@pytest.mark.parametrize("order", list(Order))
def test_every_record_of_a_mixed_run_ends_delivered_or_dead_lettered_and_is_committed(order: Order) -> None:
    tries: dict[int, int] = {}

    def rule(request: Request) -> Answer:
        n = json.loads(request.body or b"{}")["n"]
        tries[n] = tries.get(n, 0) + 1
        if n % 7 == 0 and tries[n] < 3:
            return TransportError("reset", "gone")
        return Response(400 if n % 5 == 0 else 200, None, b"")

    house = House(flow=FlowPolicy(order=order, max_waiting_records=50), rule=rule, max_in_flight=8)
    house.source.assign(FIRST, SECOND)
    house.produce(300, FIRST, keys=20)
    house.produce(100, SECOND)
    for _ in range(200):
        house.source.fetch(most=20)
        house.clock.advance(0.5)
    assert (house.committed(FIRST), house.committed(SECOND)) == (300, 100)
    assert len(house.letters.letters) == 60 + 20
    assert house.sender.most_open <= 8
    assert house.flow.waiting() == (0, 0)
    assert house.source.committed[FIRST] == Position(300)


# Membership


def test_before_a_commit_is_acknowledged_nothing_leaves_and_the_first_records_ask_for_one() -> None:
    house = House()
    house.source.answers_commits = False
    house.source.assign(FIRST)
    assert house.room() == 0
    house.produce(3)
    house.source.fetch()
    assert (house.sent(), [positions[FIRST].offset for positions in house.source.commits]) == ([], [0])
    house.source.answer_commits()
    house.clock.run()
    assert len(house.sent()) == 3


def test_a_partition_that_was_committed_before_is_committed_again_at_once_as_a_proof() -> None:
    house = House()
    house.source.committed[FIRST] = Position(7)
    house.source.assign(FIRST)
    house.clock.run()
    assert house.source.commits == [{FIRST: Position(7)}]
    assert house.room() == 64


def test_nothing_leaves_once_a_commit_is_refused_to_us_as_a_stranger(house: House) -> None:
    house.produce(100)
    house.source.fetch()
    house.source.commit_error = "UNKNOWN_MEMBER_ID"
    house.sender.answer(200)
    house.clock.advance(1.0)
    sent = len(house.sent())
    house.sender.answer(200)
    assert (house.room(), len(house.sent())) == (0, sent)


def test_nothing_leaves_once_commits_are_not_acknowledged_for_nearly_a_session(house: House) -> None:
    house.source.answers_commits = False
    house.produce(100)
    house.source.fetch()
    house.sender.answer(200)
    house.clock.advance(39.0)
    house.sender.answer(200)
    assert len(house.sent()) == 66
    house.clock.advance(2.0)
    house.sender.answer(200)
    house.sender.answer(503)
    house.clock.advance(2.0)
    assert len(house.sent()) == 66
    house.source.answers_commits = True
    house.source.answer_commits()
    house.clock.advance(1.0)
    assert len(house.sent()) == 68


def test_an_answer_that_comes_after_the_next_commit_was_sent_is_still_a_proof(house: House) -> None:
    house.source.answers_commits = False
    house.produce(10)
    house.source.fetch()
    house.sender.answer(200)
    house.clock.advance(ANSWER_SECONDS + 9)
    assert len(house.source.commits) == 2
    house.clock.advance(2)
    assert house.room() == 0
    house.source.answer_commits(1)
    assert house.room() == 0
    house.source.answer_commits(1)
    assert house.room() > 0


def test_after_a_loss_nothing_leaves_until_the_next_commit_which_does_not_wait_for_the_last(
    house: House,
) -> None:
    house.source.answers_commits = False
    house.produce(10)
    house.source.fetch()
    house.sender.answer(200)
    house.clock.advance(1.0)
    assert len(house.source.commits) == 1
    house.source.lose(FIRST)
    assert house.room() == 0
    house.source.answers_commits = True
    house.source.assign(FIRST)
    house.clock.run()
    assert len(house.source.commits) == 2
    assert house.room() == 64


def test_a_late_answer_stands_for_its_own_commit_only(house: House) -> None:
    house.source.answers_commits = False
    house.produce(10)
    house.source.fetch()
    house.sender.answer(200)
    house.clock.advance(2)
    house.sender.answer(200)
    house.clock.advance(ANSWER_SECONDS)
    assert [positions[FIRST].offset for positions in house.source.commits] == [1, 2]
    house.source.answer_commits(1)
    house.clock.advance(1)
    assert len(house.source.commits) == 2
    house.source.commit_error = "NOT_COORDINATOR"
    house.source.answer_commits(1)
    house.source.commit_error = None
    house.clock.advance(1)
    house.source.answer_commits()
    assert house.committed() == 2


def test_a_commit_refused_to_a_stranger_proves_nothing_and_one_refused_for_a_rebalance_does(
    house: House,
) -> None:
    house.produce(1)
    house.source.fetch()
    house.source.commit_error = "UNKNOWN_MEMBER_ID"
    house.clock.advance(41.0)
    assert house.room() == 0
    house.source.commit_error = "REBALANCE_IN_PROGRESS"
    house.clock.advance(1.0)
    assert house.room() > 0


def test_while_nothing_moves_the_same_position_is_committed_again_and_again(house: House) -> None:
    house.produce(1)
    house.source.fetch()
    house.sender.answer(200)
    house.clock.advance(100.0)
    assert len(house.source.commits) == 9
    assert {positions[FIRST].offset for positions in house.source.commits} == {1}
    assert house.room() == 64


# An outage


def test_in_an_outage_every_second_probe_is_a_new_record_and_all_are_delivered_in_the_end(
    house: House,
) -> None:
    house.produce(200)
    house.source.fetch()
    for _ in range(64):
        house.sender.answer(TransportError("reset", ""))
    for _ in range(40):
        house.clock.advance(30.0)
        if house.sender.open:
            house.sender.answer(TransportError("reset", ""))
    assert len(set(house.sent())) > 70
    for _ in range(300):
        house.clock.advance(1.0)
        while house.sender.open:
            house.sender.answer(200)
    assert (house.committed(), house.letters.tried) == (200, [])


def test_during_a_stop_no_probe_is_sent(house: House) -> None:
    house.produce(200)
    house.source.fetch()
    for _ in range(64):
        house.sender.answer(TransportError("reset", ""))
    sent = len(house.sent())
    house.stop()
    house.clock.advance(100.0)
    assert (house.stops, len(house.sent())) == (1, sent)


def test_during_a_stop_no_probe_is_a_record_of_a_partition_that_has_just_come(house: House) -> None:
    house.produce(200)
    house.source.fetch()
    for _ in range(63):
        house.sender.answer(TransportError("reset", ""))
    house.clock.advance(1.0)
    house.sender.answer(TransportError("reset", ""), which=-1)
    sent = len(house.sent())
    house.stop()
    house.pipeline.take(assigned(SECOND, epoch=9))
    house.pipeline.take(Received(records(range(3), partition=SECOND, epoch=9), {}))
    house.clock.advance(10.0)
    assert (house.stops, len(house.sent())) == (0, sent)
