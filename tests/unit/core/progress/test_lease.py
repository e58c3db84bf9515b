"""A proof of membership ends before the broker can have given our partitions away."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.progress.lease import Lease, LeasePolicy, is_disproof, is_proof

NOW = 5000.0
HEARTBEAT = 3.0


def test_before_any_proof_nothing_is_ours() -> None:
    lease = Lease(LeasePolicy())
    assert lease.until() == -math.inf
    assert lease.is_due(NOW)


@given(st.floats(0.1, 3600.0), st.floats(0.0, 1e6))
def test_a_proof_lasts_for_most_of_the_session_and_is_renewed_in_time(session: float, at: float) -> None:
    lease = Lease(LeasePolicy(session))
    lease.proved(at)
    assert session / 2 < lease.until() - at <= session - min(HEARTBEAT, session / 3) + 1e-6
    assert not lease.is_due(at)
    assert lease.is_due(at + session / 4 + 1e-6)
    assert at + session / 4 < lease.until()


def test_an_older_proof_that_comes_late_takes_nothing_away() -> None:
    lease = Lease(LeasePolicy(45.0))
    lease.proved(NOW)
    lease.proved(NOW - 10)
    assert lease.until() == NOW + 40.0


def test_a_disproof_ends_it_at_once_until_there_is_another_proof() -> None:
    lease = Lease(LeasePolicy(45.0))
    lease.proved(NOW)
    lease.disproved()
    assert lease.until() == -math.inf
    lease.proved(NOW - 1)
    assert lease.until() == NOW + 39.0


@pytest.mark.parametrize(
    ("errors", "disproves"),
    [
        (["UNKNOWN_MEMBER_ID"], True),
        (["ILLEGAL_GENERATION"], True),
        (["_TRANSPORT", "STALE_MEMBER_EPOCH"], True),
        (["FENCED_INSTANCE_ID"], True),
        (["_TRANSPORT", "_STATE", "NOT_COORDINATOR"], False),
        ([], False),
    ],
)
def test_only_what_strangers_are_told_is_a_disproof(errors: list[str | None], disproves: bool) -> None:
    assert is_disproof(errors) is disproves


@pytest.mark.parametrize(
    ("errors", "proves"),
    [
        ([None], True),
        (["OFFSET_METADATA_TOO_LARGE", None], True),
        (["REBALANCE_IN_PROGRESS"], True),
        (["UNKNOWN_MEMBER_ID"], False),
        (["ILLEGAL_GENERATION", "STALE_MEMBER_EPOCH"], False),
        (["FENCED_INSTANCE_ID"], False),
        (["_TRANSPORT"], False),
        ([], False),
    ],
)
def test_only_what_members_are_told_is_a_proof(errors: list[str | None], proves: bool) -> None:
    assert is_proof(errors) is proves
