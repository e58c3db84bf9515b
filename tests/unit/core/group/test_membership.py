"""A membership is proven, or it is said what is missing; after a loss until it is proven again."""

from hypothesis import given
from hypothesis import strategies as st

from processor.core.group.membership import (
    LOST,
    NOT_JOINED,
    TROUBLE_SECONDS,
    UNACKNOWLEDGED,
    UNHEARD,
    WORD_SECONDS,
    Membership,
)
from processor.model import Assigned, Lost, MemberState, Received, Revoked, SourceEvent, Troubled

NOW = 5000.0
SETTLED = MemberState(has_coordinator=True, is_settled=True)
UNDER_WAY = MemberState(has_coordinator=True, is_settled=False)
AWAY = MemberState(has_coordinator=False, is_settled=False)
NOTHING = Assigned(1, {})


def idle(membership: Membership, now: float = NOW) -> str | None:
    """The fault of a process that has no partitions."""
    return membership.fault(now, has_partitions=False, is_leased=False)


def after(*events: SourceEvent) -> Membership:
    """What is known after these, all at once."""
    membership = Membership()
    for event in events:
        membership.heard(event, NOW)
    return membership


def test_at_first_nothing_is_proven() -> None:
    assert idle(after()) == NOT_JOINED
    assert idle(after(UNDER_WAY, AWAY)) == NOT_JOINED


def test_with_partitions_only_the_lease_proves_anything() -> None:
    membership = after(NOTHING, SETTLED)
    assert membership.fault(NOW, has_partitions=True, is_leased=True) is None
    assert membership.fault(NOW, has_partitions=True, is_leased=False) == UNACKNOWLEDGED


def test_without_partitions_a_word_proves_it_for_a_while() -> None:
    for membership in (after(NOTHING), after(SETTLED)):
        assert idle(membership, NOW + WORD_SECONDS - 0.1) is None
        assert idle(membership, NOW + WORD_SECONDS) == UNHEARD


def test_a_lease_that_was_left_over_proves_nothing_for_a_process_without_partitions() -> None:
    assert after(Lost(frozenset())).fault(NOW, has_partitions=False, is_leased=True) == LOST


def test_a_rebalance_under_way_ends_nothing_and_a_coordinator_that_is_away_does_at_once() -> None:
    assert idle(after(SETTLED, UNDER_WAY, Revoked(frozenset()), Received((), {}))) is None
    assert idle(after(SETTLED, AWAY)) == UNHEARD


def test_what_is_known_of_the_reason_is_said() -> None:
    membership = after(SETTLED, Troubled("_ALL_BROKERS_DOWN", "1/1 brokers are down"))
    assert idle(membership) is None
    late = NOW + WORD_SECONDS
    assert idle(membership, late) == f"{UNHEARD}; _ALL_BROKERS_DOWN"
    assert idle(membership, NOW + TROUBLE_SECONDS) == UNHEARD


def test_why_we_may_never_become_a_member_is_said_until_we_are_one() -> None:
    membership = after(Troubled("_TRANSPORT", "x"))
    membership.hint = "too old"
    assert idle(membership) == f"{NOT_JOINED}; too old"
    membership.heard(SETTLED, NOW)
    assert idle(membership, NOW + WORD_SECONDS) == f"{UNHEARD}; _TRANSPORT"


@given(
    st.lists(st.sampled_from([UNDER_WAY, AWAY, Revoked(frozenset()), Troubled("X", "x")])), st.floats(0, 1e6)
)
def test_after_a_loss_nothing_proves_it_but_an_assignment_or_a_word(
    events: list[SourceEvent], later: float
) -> None:
    membership = after(SETTLED, Lost(frozenset()), *events)
    assert str(idle(membership, NOW + later)).startswith(LOST)
    membership.heard(SETTLED, NOW + later)
    assert idle(membership, NOW + later) is None
