"""A host that an event names never stands in the way of the destination, whatever it does."""

import json
from random import Random

import pytest

from processor.core.pace.admission import AdmissionPolicy
from processor.core.pace.concurrency import ConcurrencyPolicy
from processor.core.pace.hosts import Hosts, HostsPolicy
from processor.core.pace.rate import RatePolicy
from processor.core.retry import RetryPolicy
from processor.errors import TransportError
from processor.model import Answer, Record, Response
from processor.traffic.attempt import Stage
from tests.support.builders import FIRST, record
from tests.support.examples import examples
from tests.unit.traffic.test_delivery import House, answer_all

pytestmark = pytest.mark.usefixtures("nothing_is_reentered")

HANGS = TransportError("answer_timeout", "no answer in time")
OWN, OTHER, THIRD = "https://h.example", "https://other.example", "https://third.example"


def to(origin: str, offset: int) -> Record:
    """A record whose event is to go there."""
    return record(offset, value=json.dumps({"n": offset, "fullPath": f"{origin}/in"}).encode())


def open_at(house: House, origin: str) -> int:
    """How many requests are under way there."""
    return sum(sent.request.url.startswith(origin) for sent in house.sender.open)


def answer_at(house: House, origin: str, answer: Answer | int) -> None:
    """Answer all that is under way there, once."""
    for sent in [each for each in house.sender.open if each.request.url.startswith(origin)]:
        house.sender.answer(answer, house.sender.open.index(sent))


def hanging(*, retry: RetryPolicy = RetryPolicy(), most: int = 2, count: int = 40) -> House:
    """Half of what comes is for a host that does not answer."""
    house = House(retry=retry, hosts=Hosts(HostsPolicy(most, adaptive=False)))
    house.deliver(*(to(OTHER if n % 2 else OWN, n) for n in range(count)))
    return house


def test_a_host_that_hangs_has_its_share_and_all_else_is_delivered() -> None:
    house = hanging(most=4, count=600)
    while open_at(house, OWN):
        assert (open_at(house, OTHER), house.room()) == (2, 0) or open_at(house, OWN) < 10
        answer_at(house, OWN, 200)
    assert [each.offset for each in house.flow.settled_records] == list(range(0, 600, 2))
    assert (open_at(house, OTHER), house.dispatch.stages()[Stage.ELSEWHERE]) == (2, 298)
    house.dispatch.check()


def test_what_a_host_does_moves_nothing_of_the_destination() -> None:
    rate = AdmissionPolicy(ConcurrencyPolicy(10, adaptive=False), rate=RatePolicy(10.0, 10))
    house = House(admission=rate, hosts=Hosts(HostsPolicy(40, adaptive=False)))
    house.deliver(*(to(OTHER, n) for n in range(20)))
    before = house.admission.room(house.clock.time())
    assert (open_at(house, OTHER), before) == (20, 10)
    answer_at(house, OTHER, HANGS)
    house.clock.advance(1.0)
    answer_at(house, OTHER, Response(503, "60", b""))
    assert house.admission.room(house.clock.time()) == before
    assert (house.admission.delivered(), house.admission.pause(house.clock.time())) == (0, 0.0)
    assert house.count("circuit_changes_total", state="open", reason="no_answer") is None


def test_one_that_is_down_is_probed_and_when_it_is_up_all_is_delivered() -> None:
    house = hanging(most=40)
    answer_at(house, OWN, 200)
    answer_at(house, OTHER, HANGS)
    probes = 0
    for _ in range(10):
        house.clock.advance(30.0)
        assert open_at(house, OTHER) <= 1
        probes += open_at(house, OTHER)
        answer_at(house, OTHER, HANGS)
    assert probes > 5
    for _ in range(60):
        house.clock.advance(30.0)
        answer_all(house, 200)
    assert (len(house.flow.settled_records), house.letters.letters) == (40, [])


def test_a_host_that_hangs_leaves_another_its_turn() -> None:
    house = House(hosts=Hosts(HostsPolicy(4, adaptive=False)))
    house.deliver(*(to(OTHER, n) for n in range(10)), *(to(THIRD, n) for n in range(10, 20)))
    for _ in range(5):
        assert (open_at(house, OTHER), open_at(house, THIRD)) == (2, 2)
        answer_at(house, THIRD, 200)
    assert len(house.flow.settled_records) == 10


def test_what_waits_for_a_host_that_is_gone_ends_like_what_is_tried() -> None:
    house = hanging(most=40, count=400, retry=RetryPolicy(max_elapsed=600.0))
    answer_at(house, OTHER, HANGS)
    for _ in range(60):
        answer_at(house, OWN, 200)
        answer_at(house, OTHER, HANGS)
        house.clock.advance(30.0)
    codes = {house.header("error.code", n) for n in range(len(house.letters.letters))}
    attempts = {house.header("attempts", n) for n in range(len(house.letters.letters))}
    assert codes == {"retries_exhausted"}
    assert len(house.letters.letters) == 200
    assert "0" in attempts
    assert attempts != {"0"}
    assert not house.dispatch.stages()[Stage.ELSEWHERE]


def test_while_it_is_up_nothing_is_given_up_for_waiting_long() -> None:
    house = House(retry=RetryPolicy(max_elapsed=1.0), hosts=Hosts(HostsPolicy(1)))
    house.deliver(to(OTHER, 0), to(OTHER, 1))
    house.clock.advance(60.0)
    answer_at(house, OTHER, 200)
    answer_at(house, OTHER, 200)
    assert len(house.flow.settled_records) == 2
    assert house.letters.letters == []


def test_nothing_leaves_once_the_partitions_may_be_somebody_elses() -> None:
    house = House()
    house.leased(house.clock.time())
    house.leased(house.clock.time() + 1.0)
    house.deliver(to(OTHER, 0))
    house.clock.advance(2.0)
    answer_at(house, OTHER, 503)
    house.clock.advance(60.0)
    assert house.sender.open == []
    house.leased(house.clock.time() + 60.0)
    assert open_at(house, OTHER) == 1


def test_what_waits_is_given_up_without_a_trace() -> None:
    house = hanging(most=4)
    house.abandon()
    assert house.sender.open == []
    house.dispatch.check()
    house.clock.advance(60.0)
    assert house.sender.open == []


def test_a_probe_at_the_destination_is_an_event_of_its_own() -> None:
    house = House()
    house.deliver(*(record(n) for n in range(10)))
    answer_all(house, HANGS)
    house.deliver(to(OTHER, 90), record(91))
    house.clock.advance(1.0)
    answer_at(house, OWN, HANGS)
    house.clock.advance(2.0)
    assert (open_at(house, OTHER), open_at(house, OWN)) == (1, 1)
    answer_at(house, OTHER, 200)
    assert [each.offset for each in house.flow.settled_records] == [90]
    assert house.count("circuit_changes_total", state="half_open", reason="no_answer") is None
    answer_at(house, OWN, 200)
    assert house.count("circuit_changes_total", state="half_open", reason="no_answer") == 1


@pytest.mark.parametrize("seed", range(examples(12)))
def test_whatever_happens_all_is_counted_where_it_is_and_ends(seed: int) -> None:
    random = Random(seed)
    hosts = Hosts(HostsPolicy(random.choice((1, 2, 5)), remembered=random.choice((1, 64))))
    house = House(chance=random.random, hosts=hosts, retry=RetryPolicy(max_elapsed=3600.0))
    answers: tuple[Answer, ...] = (HANGS, Response(503, "3", b""), Response(400, None, b""))
    count = 0
    for _ in range(200):
        match random.randrange(4):
            case 0:
                some = range(count, count := count + random.randrange(6))
                house.deliver(*(to(random.choice((OWN, OTHER, THIRD)), n) for n in some))
            case 1 if house.sender.open:
                answer = random.choice((*answers, 200, 200))
                house.sender.answer(answer, random.randrange(len(house.sender.open)))
            case 2:
                house.clock.advance(random.choice((0.1, 3.0, 40.0)))
            case 3 if random.random() < 0.2:
                house.leased(house.clock.time() + random.choice((0.0, 30.0)))
        assert open_at(house, OWN) <= 10
        house.dispatch.check()
    house.leased(house.clock.time() + 1e9)
    for _ in range(3000):
        if len(house.flow.settled_records) == count:
            break
        answer_all(house, 200)
        house.clock.advance(5.0)
        house.dispatch.check()
    assert sorted(each.offset for each in house.flow.settled_records) == list(range(count))


def test_how_a_host_stands_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    house = hanging(most=40)
    answer_at(house, OWN, 200)
    answer_at(house, OTHER, HANGS)
    told = capsys.readouterr().out
    assert "a host that events name is down: only probes are sent to it, all others go on" in told
    assert f"host={OTHER}" in told
    assert house.dispatch.elsewhere.down() == 1


def test_a_partition_that_goes_takes_what_waits_for_a_host_along() -> None:
    house = hanging(most=2)
    house.abandon(waiting_only=True)
    assert not house.dispatch.stages()[Stage.ELSEWHERE]
    assert open_at(house, OTHER) == 1
    answer_at(house, OTHER, 200)
    assert FIRST in house.flow.assignment() or not house.dispatch.stages()
