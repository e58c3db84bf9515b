"""What one partition is refused for is found out, and stands in no other's way."""

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.progress.commit_requests import ALONE, HALVINGS, LOOK_AGAIN_SECONDS, CommitRequests
from processor.model import Partition

UNKNOWN = "UNKNOWN_TOPIC_OR_PART"
GOOD = [Partition("good", number) for number in range(3)]
BAD = [Partition("bad", number) for number in range(3)]
ALL = [*GOOD, *BAD]

partitions = st.builds(Partition, st.sampled_from("abc"), st.integers(0, 4))


class Broker:
    """Takes each partition by itself; a client between tells one error for all of a request."""

    def __init__(self, refused: Collection[Partition], error: str = UNKNOWN) -> None:
        self.refused = set(refused)
        self.error = error
        self.requests = CommitRequests()
        self.sent: list[list[Partition]] = []
        self.acknowledged: set[Partition] = set()

    def round(self, partitions: Collection[Partition], now: float = 0.0) -> None:
        """One commit of these, with all that it takes."""
        self.sent.clear()
        self.acknowledged.clear()
        waiting = self.requests.divided(partitions)
        while waiting:
            request = waiting.pop(0)
            self.sent.append(list(request))
            error = None if self.refused.isdisjoint(request) else self.error
            self.acknowledged.update(request if error is None else ())
            waiting += self.requests.answered(dict.fromkeys(request, error), now)


@given(st.sets(partitions, min_size=1), st.sets(partitions), st.sets(partitions))
def test_what_is_well_is_acknowledged_in_the_same_round_and_at_the_latest_when_looked_at_again(
    mine: set[Partition], refused: set[Partition], refused_later: set[Partition]
) -> None:
    broker = Broker(refused)
    broker.round(sorted(mine))
    assert broker.acknowledged == mine - refused
    assert len(broker.sent) <= 1 + 3 + len(mine)
    broker.refused = refused_later
    broker.round(sorted(mine), LOOK_AGAIN_SECONDS)
    assert broker.acknowledged == mine - refused_later


def test_a_topic_that_is_refused_is_one_request_more() -> None:
    broker = Broker(BAD)
    broker.round(ALL)
    assert broker.sent == [ALL, GOOD, BAD, *([each] for each in BAD)]
    broker.round(ALL, LOOK_AGAIN_SECONDS - 1)
    assert broker.sent == [GOOD, BAD]
    assert broker.acknowledged == set(GOOD)


def test_partitions_of_a_refused_topic_are_looked_at_one_by_one_now_and_then() -> None:
    broker = Broker(BAD)
    broker.round(ALL)
    broker.refused = {BAD[0]}
    broker.round(ALL, LOOK_AGAIN_SECONDS)
    assert broker.acknowledged == {*GOOD, *BAD[1:]}
    broker.round(ALL, LOOK_AGAIN_SECONDS)
    assert broker.sent == [[*GOOD, *BAD[1:]], [BAD[0]]]


MANY = [Partition("many", number) for number in range(1000)]


@pytest.mark.parametrize("refused", [MANY, MANY[400:], MANY[:400], MANY[400:410], MANY[::500]])
def test_a_refused_topic_of_many_partitions_is_looked_at_in_few_requests(refused: list[Partition]) -> None:
    broker = Broker(refused)
    broker.round([*GOOD, *MANY])
    assert len({*GOOD, *MANY} - set(refused) - broker.acknowledged) < ALONE
    assert len(broker.sent) <= 3 + ALONE + 2 + 2 * HALVINGS
    broker.round([*GOOD, *MANY], LOOK_AGAIN_SECONDS / 2)
    assert len(broker.sent) == 2


def test_what_is_well_between_many_that_are_refused_is_found_look_by_look() -> None:
    broker, found = Broker(MANY[::2]), set[Partition]()
    for look in range(1 + len(MANY) // ALONE):
        broker.round(MANY, look * LOOK_AGAIN_SECONDS)
        assert len(broker.sent) <= 3 + ALONE + 2 + 2 * HALVINGS
        found |= broker.acknowledged
    broker.round(MANY, LOOK_AGAIN_SECONDS * (look + 1))
    assert found == set(MANY[1::2])


def test_a_request_that_is_too_large_is_halved_until_it_is_not() -> None:
    requests, waiting, sizes = CommitRequests(), [list(MANY)], []
    while waiting:
        request = waiting.pop(0)
        error = "INVALID_COMMIT_OFFSET_SIZE" if len(request) > 300 else None
        sizes.append(len(request))
        waiting += map(list, requests.answered(dict.fromkeys(request, error), 0.0))
    assert sizes == [1000, *[1] * ALONE, 484, 484, 242, 242, 242, 242]


def test_what_is_taken_again_goes_with_the_others_again() -> None:
    broker = Broker(BAD)
    broker.round(ALL)
    broker.refused.clear()
    broker.round(ALL, 1)
    assert broker.sent == [GOOD, BAD]
    broker.round(ALL, 2)
    assert broker.sent == [ALL]


@pytest.mark.parametrize("error", ["NOT_COORDINATOR", "UNKNOWN_MEMBER_ID", "_TIMED_OUT", "_STATE"])
def test_an_error_of_the_group_is_one_of_all_partitions(error: str) -> None:
    broker = Broker(ALL, error)
    broker.round(ALL)
    broker.round(ALL)
    assert broker.sent == [ALL]


def test_a_partition_that_went_is_not_apart_when_it_comes_back() -> None:
    broker = Broker(BAD)
    broker.round(ALL)
    broker.requests.forgotten(BAD)
    broker.round(ALL)
    assert broker.sent[0] == ALL


def test_all_that_is_left_may_be_apart() -> None:
    broker = Broker(BAD)
    broker.round(BAD)
    broker.round(BAD)
    assert broker.sent == [BAD]
