"""The doors to the hosts that events name: a share of their own, a circuit each, and not too many known."""

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.core.pace.admission import Outcome, Permit
from processor.core.pace.circuit import State
from processor.core.pace.hosts import Hosts, HostsPolicy
from processor.errors import TransportError
from processor.model import Signal
from tests.support.examples import examples

NOW = 1000.0
HANGS = TransportError("answer_timeout", "no answer in time")


def fail(hosts: Hosts, host: str, count: int = 20) -> None:
    """So many requests of different records, to which there is no answer."""
    for record in range(count):
        door = hosts.of(host)
        hosts.failed(host, HANGS)
        door.ended(door.started(NOW), Outcome(record, Signal.NO_ANSWER, None, 0.0), NOW, 0.5)


def test_one_of_them_has_half_of_what_they_have_together_and_never_less_than_one() -> None:
    for most, half in ((1, 1), (2, 1), (3, 2), (16, 8)):
        hosts = Hosts(HostsPolicy(most, adaptive=False))
        assert hosts.of("https://a").room(NOW) == half
        for _ in range(half):
            hosts.of("https://a").started(NOW)
        assert hosts.has_room() is (most > half)
        assert hosts.of("https://b").room(NOW) == half


def test_one_that_is_down_is_left_alone_but_for_probes_and_the_others_are_not() -> None:
    hosts = Hosts(HostsPolicy())
    fail(hosts, "https://a")
    assert hosts.of("https://a").room(NOW) == 0
    assert hosts.of("https://b").room(NOW) > 0
    assert (hosts.down(), hosts.why_down("https://a"), hosts.why_down("https://b")) == (1, HANGS, None)
    assert hosts.why_down("https://never-seen") is None


def test_how_one_stands_is_told_when_it_has_changed() -> None:
    hosts = Hosts(HostsPolicy())
    assert hosts.turned("https://a") is None
    fail(hosts, "https://a")
    assert (hosts.turned("https://a"), hosts.turned("https://a")) == (State.OPEN, None)


def test_of_those_to_which_nothing_is_under_way_the_one_asked_for_first_is_forgotten() -> None:
    hosts = Hosts(HostsPolicy(remembered=3))
    permit = hosts.of("https://busy").started(NOW)
    for host in ("https://a", "https://b"):
        fail(hosts, host)
    hosts.of("https://a")
    hosts.of("https://new")
    assert hosts.why_down("https://b") is None
    assert hosts.why_down("https://a") == HANGS
    hosts.of("https://busy").ended(permit, None, NOW, 0.5)
    hosts.check()


def test_when_there_is_something_under_way_to_all_one_more_is_known() -> None:
    hosts = Hosts(HostsPolicy(remembered=1))
    hosts.of("https://a").started(NOW)
    hosts.of("https://b").started(NOW)
    assert hosts.in_flight() == 2
    hosts.check()


@settings(max_examples=examples(300))
@given(
    most=st.integers(1, 9),
    steps=st.lists(st.tuples(st.integers(0, 5), st.none() | st.sampled_from(Signal), st.floats(0, 20))),
)
def test_whatever_they_do_no_more_is_under_way_than_may_be(
    most: int, steps: list[tuple[int, Signal | None, float]]
) -> None:
    """A step is a request to a host where there is room, or the answer to the oldest."""
    hosts, now = Hosts(HostsPolicy(most, remembered=2)), NOW
    under_way: list[tuple[str, Permit]] = []
    for record, (number, sign, passed) in enumerate(steps):
        now += passed
        host = f"https://{number}"
        if sign is None and hosts.has_room() and hosts.of(host).room(now) > 0:
            under_way.append((host, hosts.of(host).started(now)))
        elif sign is not None and under_way:
            host, permit = under_way.pop(0)
            hosts.of(host).ended(permit, Outcome(record, sign, None, 1.0), now, 0.5)
        assert hosts.in_flight() == len(under_way) <= most
        hosts.check()
