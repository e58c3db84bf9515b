"""One record until it is settled: every way it can go, in virtual time."""

import json
from collections.abc import Callable

import pytest

from processor.core.dead_letter import OURS, DeadLetterPolicy
from processor.core.disclosure import DisclosurePolicy
from processor.core.pace.admission import Admission, AdmissionPolicy
from processor.core.pace.budget import BudgetPolicy
from processor.core.pace.concurrency import ConcurrencyPolicy
from processor.core.pace.hosts import Hosts, HostsPolicy
from processor.core.pace.rate import RatePolicy
from processor.core.progress.assignment import Hold
from processor.core.progress.flow import Flow, FlowPolicy
from processor.core.progress.lanes import Order
from processor.core.reports.report import ReportPolicy
from processor.core.request.attempt_headers import AttemptHeaders, Composed, Leaving
from processor.core.request.filters import DEFAULT, ConsentPolicy, FilterPolicy
from processor.core.request.signing.ids import Ids
from processor.core.request.transform import RequestPolicy
from processor.core.retry import Effort, RetryPolicy
from processor.errors import TransportError, WriteError
from processor.model import Assigned, Headers, Position, Record, Response
from processor.telemetry.facts import Broadcast, Listener
from processor.telemetry.live_events import Live
from processor.telemetry.log_lines import LogLines
from processor.telemetry.metrics import ProcessMetrics
from processor.telemetry.watch import Filter, Happening
from processor.traffic.assembly import Policies, Rooms, World, assemble
from processor.traffic.attempt import Run, Stage
from processor.traffic.pipeline import PipelinePolicy
from processor.traffic.preparation import Preparation
from tests.support.builders import FIRST, record, records
from tests.support.fakes import FakeAttemptHeaders, FakeDeadLetters, FakeSender, FakeSource, VirtualClock

pytestmark = pytest.mark.usefixtures("nothing_is_reentered")


ALLOWED = frozenset({"other.example", "third.example"})


class Remembering(Flow):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__(FlowPolicy(Order.NONE))
        self.settled_records: list[Record] = []
        self.blocked_records: list[Record] = []

    def finished(self, record: Record) -> bool:
        """Nothing more has to be done for it."""
        self.settled_records.append(record)
        return super().finished(record)

    def blocked(self, record: Record, why: Hold | None = Hold.DEAD_LETTER) -> None:
        """It cannot go on."""
        self.blocked_records.append(record)
        super().blocked(record, why)


class House:
    """Deliveries and who leaves next, with everything around them but a source."""

    def __init__(
        self,
        *,
        max_in_flight: int = 10,
        admission: AdmissionPolicy | None = None,
        retry: RetryPolicy = RetryPolicy(),
        filters: FilterPolicy = DEFAULT,
        chance: Callable[[], float] = lambda: 1.0,
        attempt_headers: AttemptHeaders | None = None,
        hosts: Hosts | None = None,
        listeners: tuple[Listener, ...] = (),
        reports: ReportPolicy | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.sender = FakeSender(self.clock)
        self.letters = FakeDeadLetters(self.clock)
        self.reports = FakeDeadLetters(self.clock)
        self.flow = Remembering()
        self.admission = Admission(
            admission or AdmissionPolicy(ConcurrencyPolicy(max_in_flight, adaptive=False))
        )
        self.metrics = ProcessMetrics("test")
        self.live = Live(DisclosurePolicy(), self.clock.time, lambda: self.clock.time() + 1e9)
        self.dispatch = assemble(
            Policies(
                retry=retry,
                dead_letter=DeadLetterPolicy("test", "group", "1"),
                reports=reports or ReportPolicy("test"),
                pipeline=PipelinePolicy(),
            ),
            World(
                source=FakeSource(self.clock),
                sender=self.sender,
                dead_letters=self.letters,
                reports=self.reports if reports else None,
                clock=self.clock,
                wall_clock=lambda: self.clock.time() + 1e9,
                chance=chance,
                failed=pytest.fail,
            ),
            Rooms(
                preparation=Preparation(
                    RequestPolicy("https://h.example/base", allowed_hosts=ALLOWED),
                    filters,
                ),
                flow=self.flow,
                admission=self.admission,
                facts=Broadcast(self.metrics, LogLines(), self.live, *listeners),
                hosts=hosts or Hosts(HostsPolicy()),
                attempt_headers=attempt_headers,
            ),
        ).dispatch
        self.flow.assigned(Assigned(record().epoch, {FIRST: Position(0)}))

    def deliver(self, *arrived: Record) -> None:
        """These may start, as soon as there is room."""
        self.flow.received(arrived)
        self.dispatch.pump_soon()
        self.clock.run()

    def abandon(self, *, waiting_only: bool = False) -> None:
        """The partition is let go of; with `waiting_only` what is under way in the world may end."""
        self.flow.revoked({FIRST})
        (self.dispatch.forget if waiting_only else self.dispatch.give_up)({FIRST})
        self.dispatch.check()

    def leased(self, until: float) -> None:
        """The partition is ours until then."""
        self.dispatch.leased(until)
        self.clock.run()

    def room(self) -> int:
        """How many more may be started now; what is due goes first."""
        return self.admission.room(self.clock.time()) - self.dispatch.stages()[Stage.DUE]

    def header(self, name: str, letter: int = -1) -> str | None:
        """A header of ours on a dead letter."""
        value = dict(self.letters.letters[letter].headers).get(OURS + name)
        return None if value is None else value.decode()

    def count(self, name: str, **labels: str) -> float | None:
        """A metric's value."""
        return self.metrics.registry.get_sample_value(
            f"webhook_processor_{name}", {"destination": "test", **labels}
        )


@pytest.fixture
def house() -> House:
    return House()


def test_a_delivered_record_is_settled_and_leaves_nothing_behind(house: House) -> None:
    one = record()
    house.deliver(one)
    assert house.room() == 9
    house.sender.answer(200)
    assert house.flow.settled_records == [one]
    assert house.room() == 10
    assert not house.dispatch.stages()
    assert house.count("deliveries_total", outcome="delivered") == 1


def test_a_refused_record_is_settled_only_when_its_dead_letter_is_acknowledged(house: House) -> None:
    house.letters.answers = False
    house.deliver(record())
    house.sender.answer(Response(400, None, b"no such user"))
    assert house.flow.settled_records == []
    assert house.room() == 10
    house.letters.answer()
    assert len(house.flow.settled_records) == 1
    assert (house.header("status"), house.header("response.body")) == ("400", "no such user")
    assert (house.header("error.code"), house.header("attempts")) == ("refused", "1")


def test_a_redirect_is_refused_and_never_followed(house: House) -> None:
    house.deliver(record())
    house.sender.answer(302)
    assert len(house.sender.sent) == 1
    assert house.header("status") == "302"


@pytest.mark.parametrize("answer", [Response(503, None, b""), TransportError("reset", "gone")])
def test_a_retryable_answer_is_followed_by_another_attempt_after_a_while(
    house: House, answer: Response | TransportError
) -> None:
    house.deliver(record())
    house.sender.answer(answer)
    assert house.sender.open == []
    house.clock.advance(0.49)
    assert house.sender.open == []
    house.clock.advance(0.02)
    house.sender.answer(200)
    assert len(house.flow.settled_records) == 1
    assert house.sender.sent[0] == house.sender.sent[1]
    assert house.count("retries_total") == 1


def test_a_record_that_waits_for_a_retry_holds_no_slot() -> None:
    house = House(max_in_flight=1)
    house.deliver(record(0))
    house.sender.answer(503)
    assert house.room() == 1
    assert house.dispatch.stages()[Stage.RETRY] == 1


def test_a_retry_that_finds_no_slot_goes_before_new_records() -> None:
    house = House(max_in_flight=1)
    house.deliver(record(0, value=b'{"n":0}'))
    house.sender.answer(503)
    house.deliver(record(1, value=b'{"n":1}'))
    house.clock.advance(1)
    assert house.room() == -1
    house.sender.answer(200)
    assert [json.loads(sent.request.body or b"") for sent in house.sender.open] == [{"n": 0}]
    assert house.sender.most_open == 1


def test_a_record_is_given_up_after_its_last_attempt() -> None:
    house = House(retry=RetryPolicy(max_attempts=3))
    house.deliver(record())
    for _ in range(3):
        house.sender.answer(TransportError("answer_timeout", "no answer in 10 s"))
        house.clock.advance(60)
    assert len(house.sender.sent) == 3
    assert (house.header("error.code"), house.header("attempts")) == ("retries_exhausted", "3")
    assert house.header("status") is None
    letter = dict(house.letters.letters[0].headers)
    assert b"no answer in 10 s" in (letter["__connect.errors.exception.message"] or b"")


@pytest.mark.parametrize(
    ("timestamp", "why"), [(None, "missing"), (-0.001, "ancient"), (2.0**62 / 1000, "ahead")]
)
def test_a_timestamp_that_tells_nothing_ends_no_tries_and_is_no_latency(
    timestamp: float | None, why: str
) -> None:
    house = House(retry=RetryPolicy(max_age=60))
    house.deliver(record(timestamp=timestamp))
    house.sender.answer(503)
    house.clock.advance(1)
    house.sender.answer(200)
    assert house.letters.letters == []
    assert house.count("end_to_end_latency_unknown_total", reason=why) == 1
    assert house.count("end_to_end_latency_seconds_count") == 0


def test_first_and_last_attempt_are_written_down() -> None:
    house = House(retry=RetryPolicy(max_attempts=2))
    house.deliver(record())
    house.sender.answer(500)
    house.clock.advance(0.5)
    house.sender.answer(500)
    assert house.header("first_attempt") == "2001-09-09T02:03:20.000+00:00"
    assert house.header("last_attempt") == "2001-09-09T02:03:20.500+00:00"


def test_an_event_that_can_be_no_request_is_dead_lettered_without_an_attempt(house: House) -> None:
    house.deliver(record(value=b"not json"))
    house.clock.run()
    assert house.sender.sent == []
    assert (house.header("error.code"), house.header("attempts")) == ("invalid_event", "0")
    assert len(house.flow.settled_records) == 1


def test_an_event_that_says_no_is_skipped_and_counted_and_nothing_is_sent(house: House) -> None:
    one = record(value=b'{"integrations":{"All":true,"Webhook":false}}')
    house.deliver(one)
    assert house.flow.settled_records == [one]
    assert (house.sender.sent, house.letters.letters) == ([], [])
    assert house.count("records_skipped_total", reason="integrations") == 1
    assert house.count("deliveries_total", outcome="skipped") == 1
    assert house.room() == 10


def test_a_tombstone_is_skipped_and_counted(house: House) -> None:
    house.deliver(record(value=None))
    assert len(house.flow.settled_records) == 1
    assert house.letters.letters == []
    assert house.count("records_skipped_total", reason="tombstone") == 1


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (FilterPolicy(types=("identify",)), "filter"),
        (FilterPolicy(allowed_events=("Other",)), "filter"),
        (FilterPolicy(denied_events=("Sold",)), "filter"),
        (FilterPolicy(when="event.n > 5"), "filter"),
        (FilterPolicy(consent=ConsentPolicy(ketch_purposes=("P",))), "consent"),
    ],
)
def test_what_a_rule_leaves_out_is_settled_counted_by_its_reason_and_seen(
    rule: FilterPolicy, reason: str
) -> None:
    house = House(filters=rule)
    house.live.look("somebody", Filter())
    denied = b'"context":{"consentManagement":{"deniedConsentIds":["P"]}}'
    house.deliver(record(1, value=b'{"type":"track","event":"Sold","n":1,%b}' % denied))
    assert [each.offset for each in house.flow.settled_records] == [1]
    assert (house.sender.sent, house.letters.letters) == ([], [])
    assert house.count("records_skipped_total", reason=reason) == 1
    assert house.count("deliveries_total", outcome="skipped") == 1
    (entry,) = house.live.look("somebody", Filter()).entries
    assert (entry.outcome, entry.reason) == (Happening.SKIPPED, reason)


def test_a_condition_that_cannot_be_worked_out_is_a_dead_letter_that_names_the_member() -> None:
    house = House(filters=FilterPolicy(when="event.totl > 5"))
    house.deliver(record(1, value=b'{"total":7}'))
    house.clock.run()
    assert house.header("error.code") == "invalid_event"
    told = dict(house.letters.letters[0].headers)["__connect.errors.exception.message"] or b""
    assert told.endswith(b"filter.when: `event.totl` is not there")


def test_a_tombstone_is_dead_lettered_where_that_is_asked_for() -> None:
    house = House(filters=FilterPolicy(skip_tombstones=False))
    house.deliver(record(value=None))
    house.clock.run()
    assert house.header("error.code") == "tombstone"
    assert house.letters.letters[0].value is None


def test_a_dead_letter_that_cannot_be_written_is_written_again_until_it_can_be(house: House) -> None:
    house.letters.error = WriteError("unknown_topic", "no such topic")
    one = record(value=b"not json")
    house.deliver(one)
    house.clock.advance(600)
    assert house.flow.settled_records == []
    assert set(house.flow.blocked_records) == {one}
    assert len(house.letters.tried) > 20
    assert house.dispatch.stages()[Stage.BLOCKED_LETTER] == 1
    house.letters.error = None
    house.clock.advance(31)
    assert house.flow.settled_records == [one]
    assert (
        house.count("dead_letter_write_failures_total", reason="unknown_topic")
        == len(house.letters.tried) - 1
    )


def test_a_dead_letter_that_is_too_large_is_written_with_fewer_headers(house: House) -> None:
    house.letters.error = WriteError("too_large", "too large")
    house.deliver(record(value=b"not json"))
    house.clock.run()
    sizes = [
        sum(len(name) + len(value or b"") for name, value in letter.headers) for letter in house.letters.tried
    ]
    assert len(sizes) == 3
    assert sizes == sorted(sizes, reverse=True)
    assert {letter.value for letter in house.letters.tried} == {b"not json"}
    assert len(house.flow.blocked_records) == 1


def test_a_record_given_up_is_not_settled_and_its_late_answer_counts_for_nothing(house: House) -> None:
    one = record()
    house.deliver(one)
    (sent,) = house.sender.open
    house.abandon()
    assert (house.sender.open, house.room()) == ([], 10)
    house.clock.advance(100)
    assert house.flow.settled_records == []
    assert not house.dispatch.stages()
    assert sent.request.body == one.value


def test_only_what_waits_is_given_up_when_running_work_may_finish() -> None:
    house = House(max_in_flight=4)
    waiting, in_flight = record(0), record(1)
    house.deliver(waiting)
    house.sender.answer(503)
    house.deliver(in_flight)
    house.abandon(waiting_only=True)
    assert (house.dispatch.stages(), len(house.sender.open)) == ({Stage.ANSWER: 1}, 1)
    house.clock.advance(100)
    assert len(house.sender.sent) == 2


def test_a_dead_letter_being_written_is_not_given_up_as_waiting_but_its_rewrite_is(house: House) -> None:
    house.letters.answers = False
    one = record(value=b"not json")
    house.deliver(one)
    house.abandon(waiting_only=True)
    assert house.dispatch.stages() == {Stage.LETTER: 1}
    house.letters.error = WriteError("broker", "down")
    house.letters.answer()
    assert not house.dispatch.stages()


def test_a_dead_letter_acknowledged_after_its_record_was_given_up_counts_for_nothing(house: House) -> None:
    house.letters.answers = False
    one = record(value=b"not json")
    house.deliver(one)
    house.abandon()
    house.letters.answer()
    assert house.flow.settled_records == []


def test_a_retry_that_is_due_can_be_given_up() -> None:
    house = House(max_in_flight=1)
    waiting, running = record(0), record(1)
    house.deliver(waiting)
    house.sender.answer(503)
    house.deliver(running)
    house.clock.advance(1)
    house.abandon(waiting_only=True)
    house.sender.answer(200)
    assert house.sender.open == []
    assert house.flow.settled_records == [running]


def test_retry_after_is_honoured(house: House) -> None:
    house.deliver(record())
    house.sender.answer(Response(503, "7", b""))
    house.clock.advance(6.9)
    assert house.sender.open == []
    house.clock.advance(1)
    assert len(house.sender.open) == 1


def test_headers_of_an_event_that_belong_to_the_connection_are_counted(house: House) -> None:
    house.deliver(record(value=b'{"header":{"Host":"evil","X-A":"1"}}'))
    assert house.count("event_headers_dropped_total") == 1
    assert ("X-A", "1") in house.sender.sent[0].headers


def said(house: House) -> list[list[str]]:
    """What each attempt said anew."""
    return [[value for _, value in sent.attempt_headers] for sent in house.sender.sent]


def test_what_an_attempt_says_anew_is_made_when_it_leaves_and_kept_with_no_record() -> None:
    house = House(max_in_flight=1, attempt_headers=FakeAttemptHeaders())
    house.deliver(record(5), record(6))
    house.clock.advance(2.0)
    house.sender.answer(503)
    house.clock.advance(1.0)
    assert said(house) == [["1 of 5 at 1000001000"], ["2 of 6 at 1000001002"]]
    house.sender.answer(400)
    assert said(house)[2:] == [["3 of 5 at 1000001003"]]
    watched = house.live.look("somebody", Filter()).entries
    assert "of 6 at" not in repr((house.letters.letters, watched))
    assert not [header for entry in watched for header, _ in entry.request_headers if header == "X-Attempt"]


def test_without_anybody_who_makes_headers_an_attempt_is_what_the_record_became(house: House) -> None:
    house.deliver(record())
    assert said(house) == [[]]


class Proof:
    """What proves who we are; `is_for_all_hosts`: to everybody."""

    def __init__(self, *, is_for_all_hosts: bool) -> None:
        self.is_for_all_hosts = is_for_all_hosts

    def make(self, leaving: Leaving) -> Headers:
        """The number of the attempt, and what was made before."""
        return (("X-Proof", f"{leaving.attempt} {leaving.made[0][1]}"),)


@pytest.mark.parametrize("is_for_all_hosts", [True, False])
def test_a_host_that_an_event_names_gets_nothing_that_proves_who_we_are(is_for_all_hosts: bool) -> None:
    made = Composed(Ids(), "webhook-id", [Proof(is_for_all_hosts=is_for_all_hosts)])
    house = House(attempt_headers=made)
    house.deliver(record(value=ELSEWHERE), record(1))
    had = {sent.url.partition("/in")[0]: sent.attempt_headers for sent in house.sender.sent}
    assert had["https://h.example/base"] == (("webhook-id", "events-0-1-0"), ("X-Proof", "1 events-0-1-0"))
    proof = (("X-Proof", "1 events-0-0-0"),) if is_for_all_hosts else ()
    assert had["https://other.example"] == (("webhook-id", "events-0-0-0"), *proof)


def test_a_retry_has_the_same_id_and_the_next_number() -> None:
    house = House(attempt_headers=Composed(Ids(), "webhook-id", [Proof(is_for_all_hosts=True)]))
    house.deliver(record(7))
    house.sender.answer(503)
    house.clock.advance(1.0)
    assert said(house) == [["events-0-7-0", f"{number} events-0-7-0"] for number in (1, 2)]


# The endpoint as a whole

DOWN = TransportError("reset", "h.example ended the connection before an answer")
ELSEWHERE = json.dumps({"fullPath": "https://other.example/in"}).encode()


def start(house: House, count: int, value: bytes = b"{}") -> None:
    """Deliver so many records."""
    for offset in range(count):
        house.deliver(record(offset, value=value))


def answer_all(house: House, answer: TransportError | int) -> int:
    """Answer what is under way, once; how many that were."""
    under_way = len(house.sender.open)
    for _ in range(under_way):
        house.sender.answer(answer)
    return under_way


def test_an_outage_is_held_against_no_record_and_ends_by_itself() -> None:
    house = House(max_in_flight=20, retry=RetryPolicy(max_attempts=3, max_elapsed=60.0))
    start(house, 20)
    answer_all(house, DOWN)
    for _ in range(3600):
        house.clock.advance(1.0)
        assert answer_all(house, DOWN) <= 1
    assert (house.letters.tried, house.flow.settled_records) == ([], [])
    assert 100 < len(house.sender.sent) < 300
    for _ in range(200):
        house.clock.advance(1.0)
        answer_all(house, 200)
    assert sorted(each.offset for each in house.flow.settled_records) == list(range(20))
    assert house.letters.tried == []
    assert house.count("deliveries_total", outcome="delivered") == 20
    changes = [("open", "no_answer"), ("half_open", "no_answer"), ("closed", "no_answer")]
    assert [house.count("circuit_changes_total", state=s, reason=r) for s, r in changes] == [1, 1, 1]


def test_an_endpoint_that_cannot_be_reached_is_held_against_no_record(house: House) -> None:
    house.deliver(record())
    for _ in range(500):
        answer_all(house, TransportError("connect", "no connection to h.example: refused"))
        house.clock.advance(30.0)
    assert house.letters.tried == []
    answer_all(house, 200)
    assert len(house.flow.settled_records) == 1


@pytest.mark.parametrize("attempts", [1, 3])
def test_an_outage_after_much_went_well_costs_no_record_however_few_its_attempts(attempts: int) -> None:
    house = House(max_in_flight=8, retry=RetryPolicy(max_attempts=attempts, initial_backoff=0.01))
    for offset in range(1000):
        house.deliver(record(offset))
        house.sender.answer(200)
    house.deliver(*records(range(1000, 1008)))
    for _ in range(600):
        answer_all(house, 503)
        house.clock.advance(0.5)
    assert len(house.letters.tried) <= (attempts == 1)
    for _ in range(200):
        house.clock.advance(1.0)
        answer_all(house, 200)
    assert len(house.flow.settled_records) == 1008


def test_one_record_that_always_fails_is_no_outage_and_ends_as_a_dead_letter() -> None:
    house = House(retry=RetryPolicy(max_attempts=15))
    house.deliver(record())
    while house.sender.open:
        house.sender.answer(500)
        house.clock.advance(60.0)
    assert house.header("error.code") == "retries_exhausted"
    assert house.header("attempts") == "15"


def test_records_that_fail_again_while_others_are_delivered_tell_nothing_of_the_endpoint() -> None:
    house = House()
    start(house, 2)
    for offset in range(2, 32):
        answer_all(house, 503)
        house.deliver(record(offset))
        house.sender.answer(200)
        house.clock.advance(60.0)
    assert len(house.flow.settled_records) == 30
    assert house.count("circuit_changes_total", state="open", reason="server_error") is None


def test_a_refusal_while_the_endpoint_is_down_becomes_no_dead_letter() -> None:
    house = House(max_in_flight=12)
    start(house, 12)
    for _ in range(10):
        house.sender.answer(DOWN)
    answer_all(house, 403)
    assert house.letters.tried == []
    assert house.count("dead_letters_withheld_total", reason="refused") == 2


def test_an_endpoint_that_refuses_everything_gets_no_more_dead_letters_than_its_credit() -> None:
    house = House(admission=AdmissionPolicy(ConcurrencyPolicy(50, adaptive=False), budget=BudgetPolicy(5, 1)))
    start(house, 50)
    answer_all(house, 403)
    for _ in range(600):
        house.clock.advance(1.0)
        answer_all(house, 403)
    assert len(house.letters.letters) == 5
    for _ in range(100):
        house.clock.advance(1.0)
        answer_all(house, 200)
    assert len(house.letters.letters) == 5
    assert len(house.flow.settled_records) == 50
    assert house.count("circuit_changes_total", state="open", reason="refused") == 1


def test_an_endpoint_that_does_not_know_us_gets_no_dead_letter_and_all_once_it_does() -> None:
    house = House(
        retry=RetryPolicy(max_attempts=1),
        admission=AdmissionPolicy(ConcurrencyPolicy(50, adaptive=False), budget=BudgetPolicy(5, 1)),
    )
    start(house, 50)
    answer_all(house, 401)
    for _ in range(600):
        house.clock.advance(1.0)
        answer_all(house, 401)
    assert house.letters.letters == []
    assert house.count("circuit_changes_total", state="open", reason="credentials") == 1
    for _ in range(100):
        house.clock.advance(1.0)
        answer_all(house, 200)
    assert house.letters.letters == []
    assert len(house.flow.settled_records) == 50


def test_a_record_that_alone_is_refused_for_who_we_are_ends_when_its_time_is_up(house: House) -> None:
    house.deliver(record(0, value=b'{"is":"strange"}'))
    began, others = house.clock.time(), 0
    while not house.letters.letters:
        while house.sender.open:
            is_strange = house.sender.open[0].request.body != b"{}"
            house.sender.answer(Response(401 if is_strange else 200, None, b""))
        others += 1
        house.deliver(record(others))
        house.clock.advance(30.0)
    assert house.header("error.code") == "retries_exhausted"
    assert 10_700 <= house.clock.time() - began <= 10_900


@pytest.mark.parametrize(
    "value", [b'{"header":{"Authorization":"Bearer mine"}}', b'{"fullPath":"https://other.example/x"}']
)
def test_an_event_that_says_itself_who_sends_or_to_whom_is_a_dead_letter_at_401(
    house: House, value: bytes
) -> None:
    house.deliver(record(value=value))
    house.sender.answer(Response(401, None, b""))
    assert house.header("error.code") == "refused"


def test_every_second_probe_is_a_new_record() -> None:
    house = House(max_in_flight=10)
    start(house, 10)
    answer_all(house, DOWN)
    house.deliver(record(10, value=b'{"is":"new"}'))
    house.clock.advance(1.0)
    assert [sent.request.body for sent in house.sender.open] == [b"{}"]
    answer_all(house, DOWN)
    house.clock.advance(2.0)
    assert [sent.request.body for sent in house.sender.open] == [b'{"is":"new"}']


def test_want_of_what_proves_who_we_are_ends_no_event_wherever_it_is_sent() -> None:
    house = House(retry=RetryPolicy(max_elapsed=600.0))
    start(house, 3, ELSEWHERE)
    for _ in range(60):
        answer_all(house, TransportError("credentials", "no credential that can be used"))
        house.clock.advance(60.0)
    assert house.letters.letters == []
    for _ in range(10):
        answer_all(house, 200)
        house.clock.advance(60.0)
    assert len(house.flow.settled_records) == 3


@pytest.mark.parametrize("why", ["connect", "client_certificate"])
def test_a_host_that_an_event_chose_is_not_the_endpoint(why: str) -> None:
    house = House(retry=RetryPolicy(max_elapsed=600.0))
    start(house, 10, ELSEWHERE)
    for _ in range(60):
        answer_all(house, TransportError(why, "no connection to other.example: refused"))
        house.clock.advance(60.0)
    assert [house.header("error.code", n) for n in range(10)] == ["retries_exhausted"] * 10
    assert house.count("circuit_changes_total", state="open", reason="unreachable") is None


def test_a_host_that_an_event_chose_and_that_may_not_be_spoken_to_ends_it_at_once(house: House) -> None:
    house.deliver(record(value=ELSEWHERE))
    house.sender.answer(TransportError("blocked", "other.example resolves to 10.0.0.1, a private address"))
    assert house.header("error.code") == "endpoint_not_allowed"
    assert house.header("attempts") == "1"


def test_a_pause_that_the_endpoint_asks_for_holds_all_and_ends_by_itself(house: House) -> None:
    start(house, 2)
    house.sender.answer(Response(503, "7", b""))
    assert house.room() <= 0
    house.sender.answer(DOWN)
    house.clock.advance(6.9)
    assert house.sender.open == []
    house.clock.advance(1.0)
    assert len(house.sender.open) == 2
    assert house.room() == 8


NOTHING_LEFT = (("ratelimit", '"default";r=0;t=16'),)


def test_where_nothing_is_left_one_request_tries_and_its_refusal_is_believed(house: House) -> None:
    house.deliver(record(0))
    house.sender.answer(Response(200, None, b"", NOTHING_LEFT))
    house.deliver(*records(range(1, 4)))
    house.clock.advance(3.9)
    assert house.sender.open == []
    house.clock.advance(0.2)
    assert len(house.sender.open) == 1
    house.sender.answer(Response(429, None, b"", NOTHING_LEFT))
    for n in (4, 5):
        house.clock.advance(15.9)
        assert house.sender.open == []
        house.clock.advance(0.2)
        assert house.sender.open
        while house.sender.open:
            house.sender.answer(Response(200, None, b"", NOTHING_LEFT))
        house.deliver(record(n))


def test_a_refusal_that_says_nothing_is_left_is_believed_afterwards(house: House) -> None:
    house.deliver(record(0))
    house.sender.answer(Response(429, None, b"", NOTHING_LEFT))
    house.clock.advance(16.6)
    house.sender.answer(Response(200, None, b"", NOTHING_LEFT))
    house.deliver(record(1))
    house.clock.advance(15.9)
    assert house.sender.open == []
    house.clock.advance(0.2)
    assert len(house.sender.open) == 1


def test_what_is_left_is_not_listened_to_where_the_settings_say_so() -> None:
    house = House(retry=RetryPolicy(rate_limit_hints=False))
    house.deliver(record(0))
    house.sender.answer(Response(200, None, b"", NOTHING_LEFT))
    house.deliver(*records(range(1, 4)))
    assert len(house.sender.open) == 3


def test_a_rate_lets_what_waits_leave_one_after_the_other_by_itself() -> None:
    house = House(
        admission=AdmissionPolicy(ConcurrencyPolicy(10, adaptive=False), rate=RatePolicy(2.0, 1)),
        chance=lambda: 0.0,
    )
    house.deliver(*records(range(3)))
    assert len(house.sender.sent) == 1
    house.clock.advance(1.0)
    answer_all(house, 503)
    house.clock.advance(0.1)
    sent = [len(house.sender.sent)]
    for _ in range(6):
        house.clock.advance(0.5)
        sent.append(len(house.sender.sent))
    assert sent == [3, 4, 5, 6, 6, 6, 6]


def test_nothing_leaves_once_the_lease_is_over_until_there_is_a_new_one(house: House) -> None:
    house.leased(house.clock.time() + 5.0)
    house.deliver(record())
    house.clock.advance(5.0)
    house.sender.answer(503)
    house.clock.advance(60.0)
    assert (house.sender.open, house.room()) == ([], -1)
    house.leased(house.clock.time() + 5.0)
    assert (len(house.sender.open), house.room()) == (1, 9)


def test_what_comes_to_wait_though_its_partition_is_leaving_is_given_up(house: House) -> None:
    house.deliver(record(3))
    house.flow.revoked({FIRST})
    house.sender.answer(503)
    house.dispatch.check()
    assert house.flow.idle({FIRST})
    house.clock.advance(100.0)
    assert (len(house.sender.sent), house.flow.settled_records) == (1, [])


def test_the_time_in_which_the_endpoint_was_down_is_not_held_against_a_record() -> None:
    run = Run(record(timestamp=100.0))
    run.sent(1000.0, 150.0, 40.0)
    run.answered(1001.0, 151.0, 40.0, is_spared=False)
    run.enter(Stage.RETRY)
    run.enter(Stage.DUE)
    run.sent(1900.0, 1050.0, 940.0)
    effort = run.answered(2000.0, 1150.0, 940.0, is_spared=True)
    assert effort == Effort(attempts=2, counted=1, elapsed=100.0, age=1050.0, is_spared=True)
