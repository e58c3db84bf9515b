"""Letters are meant by what they say; what one does not say it is not meant by."""

import pytest

from processor.core.letters.letter import Letter, Place
from processor.core.letters.selection import ALL, SelectionPolicy
from processor.model import Partition

PLACE = Place(Partition("events.dlq", 0), 5)
LETTER = Letter(PLACE, 100.0, "refused", 422, "crm", Place(Partition("events", 1), 9), "no", 3, 0, b"k")
SILENT = Letter(PLACE, None, "unknown", None, None, None, None, None, 0, None)

ONE_OF_EACH = [
    SelectionPolicy(codes=frozenset(("refused", "tombstone"))),
    SelectionPolicy(statuses=frozenset((400, 422))),
    SelectionPolicy(keys=frozenset((b"k",))),
    SelectionPolicy(destinations=frozenset(("crm",))),
    SelectionPolicy(topics=frozenset(("events",))),
    SelectionPolicy(since=100.0),
    SelectionPolicy(until=100.5),
]


@pytest.mark.parametrize("policy", ONE_OF_EACH)
def test_one_is_meant_that_says_what_is_asked_for_and_one_that_says_nothing_is_not(
    policy: SelectionPolicy,
) -> None:
    assert policy.means(LETTER)
    assert not policy.means(SILENT)


@pytest.mark.parametrize(
    "other",
    [
        LETTER._replace(code="invalid_event"),
        LETTER._replace(status=500),
        LETTER._replace(key=b"K"),
        LETTER._replace(destination="erp"),
        LETTER._replace(origin=Place(Partition("orders", 1), 9)),
        LETTER._replace(at=99.9),
        LETTER._replace(at=100.5),
    ],
)
def test_all_that_is_asked_for_has_to_hold(other: Letter) -> None:
    everything = SelectionPolicy(
        codes=frozenset(("refused",)),
        statuses=frozenset((422,)),
        since=100.0,
        until=100.5,
        keys=frozenset((b"k",)),
        destinations=frozenset(("crm",)),
        topics=frozenset(("events",)),
        places=frozenset((PLACE,)),
    )
    assert everything.means(LETTER)
    assert not everything.means(other)


def test_a_letter_is_meant_by_where_it_stands() -> None:
    policy = SelectionPolicy(places=frozenset((PLACE,)))
    assert policy.means(SILENT)
    assert not policy.means(SILENT._replace(place=PLACE._replace(offset=6)))


def test_without_anything_asked_for_all_are_meant() -> None:
    assert ALL.means(LETTER)
    assert ALL.means(SILENT)
