"""What nearly always fails is held, what works is found behind it, and deliveries pay for the rest."""

import json
from collections.abc import Callable
from random import Random

import pytest

from processor.core.dead_letter import Failure
from processor.core.pace.admission import AdmissionPolicy
from processor.core.pace.budget import BudgetPolicy
from processor.core.pace.concurrency import ConcurrencyPolicy
from processor.core.progress.flow import FlowPolicy
from processor.core.progress.lanes import Order
from processor.core.progress.offset_codec import LIMIT
from processor.errors import WriteError
from processor.model import Answer, Request, Response
from processor.traffic.attempt import Run
from processor.traffic.undelivered.withheld import Withheld
from tests.support.builders import FIRST, record, response
from tests.support.fakes import FakeSource, VirtualClock
from tests.unit.traffic.test_delivery import House as Alone
from tests.unit.traffic.test_pipeline import House

pytestmark = pytest.mark.slow

CREDIT = BudgetPolicy().credit
BAD = b'{"n": "bad"}'
NOTHING = b"no JSON at all"


def picky(request: Request) -> Answer:
    """An endpoint that refuses what is bad."""
    return response(400 if request.body == BAD else 200)


def deaf(_: Request) -> Answer:
    """An endpoint to which our token means nothing."""
    return response(403)


def house(
    rule: Callable[[Request], Answer] = picky,
    order: Order = Order.KEY,
    unpaid: frozenset[str] = frozenset(),
    source: FakeSource | None = None,
    credit: int = CREDIT,
    metadata: int = LIMIT,
) -> House:
    """A processor with the default budget."""
    budget = BudgetPolicy(credit)
    policy = AdmissionPolicy(ConcurrencyPolicy(64, adaptive=False), budget=budget, unpaid=unpaid)
    clock = None if source is None else source._clock
    return House(
        flow=FlowPolicy(order, max_metadata_bytes=metadata),
        admission=policy,
        rule=rule,
        chance=Random(2).random,
        source=source,
        clock=clock,
    )


def write(house: House, *values: bytes | None, key: bytes | None = None) -> None:
    """Append these."""
    for value in values:
        house.source.append(FIRST, key, value)


def good(count: int) -> list[bytes]:
    """Numbered events that are accepted."""
    return [json.dumps({"n": n}).encode() for n in range(count)]


def work(house: House, minutes: float = 10.0) -> None:
    """Own the topic, and let so much time pass."""
    if not house.flow.assignment():
        house.source.assign(FIRST)
    for _ in range(int(minutes * 60)):
        house.source.fetch(2000)
        house.clock.advance(1.0)


def delivered(house: House) -> int:
    """How many were."""
    found = house.metrics.registry.get_sample_value(
        "webhook_processor_deliveries_total", {"destination": "test", "outcome": "delivered"}
    )
    return int(found or 0)


@pytest.mark.parametrize("bad", [BAD, NOTHING], ids=["refused", "unusable"])
def test_when_everything_fails_the_credit_is_all_that_becomes_dead_letters(bad: bytes) -> None:
    held = house()
    write(held, *[bad] * 1_000)
    work(held, 30.0)
    assert len(held.letters.letters) == CREDIT
    assert (delivered(held), held.committed()) == (0, CREDIT)
    assert sum(held.dispatch.withheld.counts().values()) >= 10


@pytest.mark.parametrize("bad", [BAD, NOTHING], ids=["refused", "unusable"])
def test_when_four_of_five_fail_most_of_them_are_held(bad: bytes) -> None:
    held = house()
    for event in good(200):
        write(held, *[bad] * 4, event)
    work(held)
    assert len(held.letters.letters) <= CREDIT + delivered(held)
    assert delivered(held) == 200


@pytest.mark.parametrize("bad", [BAD, NOTHING], ids=["refused", "unusable"])
def test_when_three_of_ten_fail_for_ever_all_of_them_are_dead_letters(bad: bytes) -> None:
    steady = house()
    for event in good(700):
        write(steady, event, *[bad] * (int(event[6:-1]) % 7 in (0, 2, 5)))
    work(steady, 2.0)
    assert (delivered(steady), len(steady.letters.letters)) == (700, 300)
    assert steady.committed() == 1_000


@pytest.mark.parametrize("bad", [BAD, NOTHING], ids=["refused", "unusable"])
@pytest.mark.parametrize("burst", [100, 3_000])
def test_what_works_is_found_behind_what_does_not_and_pays_for_it(bad: bytes, burst: int) -> None:
    found = house()
    write(found, *[bad] * burst, *good(1_000))
    work(found, 60.0)
    assert delivered(found) > 800
    assert min(burst, CREDIT + 50) <= len(found.letters.letters) <= CREDIT + delivered(found)


def of_kind(event: str, count: int) -> list[bytes]:
    """Events of one name."""
    return [json.dumps({"type": "track", "event": event, "n": n}).encode() for n in range(count)]


def choosy(request: Request) -> Answer:
    """An endpoint that refuses one kind of events, and whatever has no kind."""
    return response(200 if b'"Good"' in (request.body or b"") else 400)


def test_a_kind_that_is_delivered_goes_on_at_full_speed_and_only_the_refused_kind_is_held() -> None:
    apart = house(rule=choosy)
    events = of_kind("Bad", 2_000) + of_kind("Good", 200)
    Random(3).shuffle(events)
    write(apart, *events)
    work(apart, 1.0)
    assert delivered(apart) == 200
    assert len(apart.letters.letters) == CREDIT + 200
    refused = [request for request in apart.sender.sent if request.body and b"Bad" in request.body]
    assert len(refused) <= len(apart.letters.letters) + 100


@pytest.mark.parametrize("burst", [300, 3_000])
def test_good_events_of_another_kind_are_found_behind_a_burst_and_flow_at_full_speed(burst: int) -> None:
    found = house(rule=choosy)
    write(found, *of_kind("Bad", burst), *of_kind("Good", 1_000))
    work(found, 3.0)
    assert delivered(found) == 1_000
    assert CREDIT < len(found.letters.letters) <= min(burst, CREDIT + 1_000)


def test_what_is_kept_back_though_it_is_paid_for_goes_on_by_itself() -> None:
    alone = Alone(admission=AdmissionPolicy(ConcurrencyPolicy(9, adaptive=False), budget=BudgetPolicy(5)))
    bad, fine = record(0, value=BAD), record(1, value=of_kind("Good", 1)[0])
    for _ in range(10):
        alone.dispatch.withheld.kinds.refused(bad, Failure("refused", "no", "", ""))
    alone.dispatch.withheld.kinds.delivered(fine)
    alone.deliver(bad)
    assert alone.count("dead_letters_withheld_total", reason="refused") == 1
    alone.sender.answer(400)
    alone.clock.run()
    assert len(alone.letters.letters) == 1


def test_a_kind_that_is_taken_again_is_delivered_whole_though_nothing_of_it_was_sent() -> None:
    mended = house(rule=choosy)
    events = of_kind("Bad", 1_000) + of_kind("Good", 100)
    Random(3).shuffle(events)
    write(mended, *events)
    work(mended, 1.0)
    mended.sender._rule = lambda _: response(200)
    work(mended, 5.0)
    assert delivered(mended) + len(mended.letters.letters) == 1_100
    assert (mended.committed(), mended.dispatch.withheld.count) == (1_100, 0)


def test_what_was_kept_back_and_turns_out_to_be_no_request_costs_what_such_events_cost() -> None:
    kept = house(rule=choosy)
    write(kept, *[BAD] * 130, *of_kind("Good", 1), *[BAD] * 10, *[NOTHING, None] * 5, *of_kind("Good", 90))
    work(kept)
    assert (delivered(kept), kept.committed()) == (91, len(kept.source.logs[FIRST]))
    assert len(kept.letters.letters) == 140 + 5
    assert kept.admission.budget_left() == CREDIT + 91 - 140


def test_a_single_event_that_cannot_be_used_is_a_dead_letter_at_once() -> None:
    usual = house()
    write(usual, *good(10), NOTHING, *good(10))
    work(usual, 0.05)
    assert len(usual.letters.letters) == 1
    assert usual.committed() == 21


@pytest.mark.parametrize(
    ("bad", "unpaid"), [(BAD, "refused"), (BAD, "400"), (NOTHING, "invalid_event")], ids=str
)
def test_what_the_operator_lets_pass_passes_however_much_it_is(bad: bytes, unpaid: str) -> None:
    told = house(unpaid=frozenset((unpaid,)))
    write(told, *[bad] * 500)
    work(told, 0.1)
    assert (len(told.letters.letters), told.committed()) == (500, 500)


def test_what_the_operator_lets_pass_leaves_the_budget_to_the_rest() -> None:
    told = house(unpaid=frozenset(("invalid_event",)))
    write(told, *[NOTHING] * 500, *[BAD] * 500)
    work(told)
    assert len(told.letters.letters) == 500 + CREDIT


def test_events_that_were_refused_for_all_are_delivered_when_the_endpoint_takes_them_again() -> None:
    mended = house(rule=deaf)
    write(mended, *good(500))
    work(mended)
    mended.sender._rule = picky
    work(mended)
    assert (len(mended.letters.letters), delivered(mended)) == (CREDIT, 500 - CREDIT)
    assert mended.committed() == 500


@pytest.mark.parametrize("bad", [BAD, NOTHING], ids=["refused", "unusable"])
def test_a_held_event_before_which_nothing_can_be_remembered_is_paid_for_by_what_is_read_behind_it(
    bad: bytes,
) -> None:
    narrow = house(credit=1, metadata=10)
    write(narrow, bad, bad, bad, *good(1))
    work(narrow)
    assert narrow.committed() == 2
    write(narrow, *good(3))
    work(narrow)
    assert narrow.committed() == 7


def test_behind_a_refused_event_nothing_of_its_key_is_sent_and_all_of_other_keys_is() -> None:
    ordered = house()
    write(ordered, *[BAD] * (CREDIT + 1), *good(5), key=b"a")
    write(ordered, *good(10), key=b"b")
    work(ordered, 0.01)
    before = [request.body for request in ordered.sender.sent if request.body != BAD]
    work(ordered)
    assert before == [] or before == good(len(before))
    assert ordered.committed() == len(ordered.source.logs[FIRST])


def test_a_restart_has_the_credit_anew_and_no_more() -> None:
    first = house(rule=deaf)
    write(first, *good(500))
    source = first.source
    for lives in range(1, 4):
        life = first if lives == 1 else house(rule=deaf, source=source)
        work(life, 5.0)
        life.stop()
        life.clock.advance(60.0)
        source.close()
        assert life.committed() == lives * CREDIT


@pytest.mark.parametrize("bad", [BAD, NOTHING], ids=["refused", "unusable"])
def test_a_revoked_partition_goes_at_once_and_what_is_held_of_it_is_not_committed(bad: bytes) -> None:
    leaving = house()
    write(leaving, *[bad] * 300)
    work(leaving, 1.0)
    leaving.source.revoke(FIRST)
    leaving.clock.run()
    assert leaving.source.let_go == [frozenset((FIRST,))]
    assert (leaving.dispatch.withheld.counts(), leaving.committed()) == ({}, CREDIT)
    assert leaving.flow.waiting() == (0, 0)


@pytest.mark.parametrize("bad", [BAD, NOTHING], ids=["refused", "unusable"])
@pytest.mark.parametrize("is_lost", [False, True], ids=["revoked", "lost"])
def test_a_dead_letter_that_is_given_up_unwritten_is_paid_back(bad: bytes, is_lost: bool) -> None:
    leaving = house(credit=2)
    leaving.letters.error = WriteError("broker", "not enough replicas")
    write(leaving, bad, bad)
    work(leaving, 0.05)
    assert leaving.admission.budget_left() == 0
    (leaving.source.lose if is_lost else leaving.source.revoke)(FIRST)
    leaving.clock.run()
    assert leaving.admission.budget_left() == 2


@pytest.mark.parametrize("bad", [400, NOTHING], ids=["refused", "unusable"])
def test_a_dead_letter_that_is_given_up_while_it_is_written_may_arrive_and_stays_paid(
    bad: int | bytes,
) -> None:
    alone = Alone(admission=AdmissionPolicy(ConcurrencyPolicy(9, adaptive=False), budget=BudgetPolicy(2)))
    alone.letters.answers = False
    alone.deliver(record(0, value=bad if isinstance(bad, bytes) else b"{}"))
    if isinstance(bad, int):
        alone.sender.answer(bad)
    alone.abandon()
    assert alone.admission.budget_left() == 1


@pytest.mark.parametrize(("status", "left", "letters"), [(200, 1, 1), (503, 1, 1), (400, 0, 2), (None, 1, 1)])
def test_what_is_sent_again_is_paid_for_only_if_it_becomes_a_dead_letter(
    status: int | None, left: int, letters: int
) -> None:
    alone = Alone(admission=AdmissionPolicy(ConcurrencyPolicy(9, adaptive=False), budget=BudgetPolicy(1)))
    for offset, answer in enumerate((400, 400, 200)):
        alone.deliver(record(offset))
        alone.sender.answer(answer)
    assert (len(alone.sender.open), alone.admission.budget_left()) == (1, 0)
    if status is None:
        alone.abandon()
    else:
        alone.sender.answer(status)
    assert (alone.admission.budget_left(), len(alone.letters.letters)) == (left, letters)


def test_that_events_are_held_is_said_once_with_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    said = house()
    write(said, *[NOTHING] * 200)
    work(said, 0.1)
    told = [line for line in capsys.readouterr().out.splitlines() if "are held" in line]
    assert len(told) == 1, told
    assert "dead_letter.always: [invalid_event]" in told[0]


def test_why_events_are_held_is_told_with_their_kinds_the_time_and_what_their_bytes_look_like() -> None:
    told = house()
    write(told, *[BAD] * (CREDIT + 1), *[b"\x1f\x8b\x08 zipped"] * (CREDIT + 2))
    assert told.dispatch.withheld.said(told.clock.time()) is None
    work(told, 1.0)
    said = str(told.dispatch.withheld.said(told.clock.time()))
    assert "held for 60 s" in said
    assert "2 invalid_event (not UTF-8" in said
    assert "it looks like gzip" in said
    assert "1 refused (the endpoint answered 400)" in said
    told.sender._rule = lambda _: response(200)
    write(told, *good(3))
    work(told)
    assert told.dispatch.withheld.said(told.clock.time()) is None


def test_what_is_told_of_held_events_is_short_and_begins_anew() -> None:
    withheld, run = Withheld(VirtualClock(), 60.0, pytest.fail), Run(record(0))
    for since in (10.0, 50.0):
        withheld.refused(run, Failure("refused", "x" * 10_000, "", ""), since)
        withheld.refused(Run(record(1)), Failure("refused", "x" * 10_000, "", ""), since + 1)
        said = str(withheld.said(since + 7))
        assert said.startswith("held for 7 s")
        assert len(said) < 300
        while withheld.has_refused():
            withheld.next_refused()
        assert withheld.said(since + 8) is None


def test_the_one_that_waits_longest_goes_first_and_one_that_is_given_up_is_forgotten() -> None:
    withheld, runs = Withheld(VirtualClock(), 60.0, pytest.fail), [Run(record(offset)) for offset in range(6)]
    for run in runs[:3]:
        withheld.refused(run, Failure("refused", "", "", ""), 0.0)
    for run in runs[3:]:
        withheld.unusable(run, Failure("invalid_url", "", "", ""), 0.0)
    assert withheld.counts() == {"refused": 3, "invalid_url": 3}
    withheld.forget(runs[0])
    withheld.forget(runs[3])
    assert (withheld.next_refused(), withheld.next_unusable()[0]) == (runs[1], runs[4])
    assert (withheld.count, withheld.has_refused(), withheld.has_unusable()) == (2, True, True)


def test_an_answer_of_one_status_that_may_pass_says_nothing_of_another() -> None:
    told = house(rule=lambda request: Response(422 if request.body == BAD else 403, None, b""))
    told.admission._unpaid = frozenset(("422",))
    write(told, *[BAD] * 100, *good(100))
    work(told, 1.0)
    assert len(told.letters.letters) == 100 + CREDIT
