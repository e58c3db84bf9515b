"""A kind is kept back while it is refused and others are delivered, and not otherwise."""

import json

import pytest

from processor.core.dead_letter import Failure
from processor.core.kinds import FORGOTTEN_AFTER, MOST, Kinds
from processor.model import Record
from tests.support.builders import FIRST, record

NO = Failure("refused", "the endpoint answered 400", "", "")


def of(event: object, type_: str = "track", **more: object) -> Record:
    """An event of a kind."""
    return record(0, value=json.dumps({"type": type_, "event": event, **more}).encode(), partition=FIRST)


def refused(kinds: Kinds, event: Record, times: int = 3) -> Kinds:
    """So often in a row."""
    for _ in range(times):
        kinds.refused(event, NO)
    return kinds


def test_a_refused_kind_is_kept_back_once_another_is_delivered_and_others_are_not() -> None:
    kinds = refused(Kinds(3), of("Bad"))
    assert kinds.keeps_back(of("Bad")) is None
    kinds.delivered(of("Good"))
    assert kinds.keeps_back(of("Bad", n=5)) is NO
    assert [kinds.keeps_back(one) for one in (of("Good"), of("Bad", "page"), of("New"))] == [None] * 3


def test_too_few_refusals_keep_nothing_back() -> None:
    kinds = refused(Kinds(3), of("Bad"), 2)
    kinds.delivered(of("Good"))
    assert kinds.keeps_back(of("Bad")) is None


def test_a_kind_goes_on_once_one_of_it_is_delivered() -> None:
    kinds = refused(Kinds(3), of("Bad"))
    kinds.delivered(of("Good"))
    kinds.delivered(of("Bad"))
    assert kinds.keeps_back(of("Bad")) is None
    assert not kinds.known


def test_a_kind_is_forgotten_after_so_many_deliveries_without_a_refusal_of_it() -> None:
    kinds = refused(refused(Kinds(3), of("Worse")), of("Bad"))
    for _ in range(FORGOTTEN_AFTER - 1):
        kinds.delivered(of("Good"))
    kinds.refused(of("Worse"), NO)
    assert kinds.keeps_back(of("Bad")) is NO
    kinds.delivered(of("Good"))
    assert kinds.keeps_back(of("Bad")) is None
    assert kinds.keeps_back(of("Worse")) is NO


@pytest.mark.parametrize("value", [None, b"no JSON", b"[1]", b'{"n": 1}', b"[" * 100_000])
def test_what_names_no_kind_is_all_of_one(value: bytes | None) -> None:
    kinds = refused(Kinds(3), record(0, value=value))
    kinds.delivered(of("Good"))
    assert kinds.keeps_back(record(1, value=b'{"n": 2}')) is NO


def test_names_of_any_sort_and_length_are_kinds_and_only_so_many_are_known() -> None:
    kinds = Kinds(1)
    for event in ({"a": [1]}, None, "x" * 100_000, *range(MOST - 3)):
        kinds.refused(of(event), NO)
    kinds.delivered(of("Good"))
    assert kinds.keeps_back(of("x" * 100_000)) is NO
    kinds.refused(of("one more"), NO)
    assert kinds.keeps_back(of({"a": [1]})) is None
    assert kinds.keeps_back(of(None)) is NO
