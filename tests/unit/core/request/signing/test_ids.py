"""An id is the same for the same record for ever, another for any other, and moves nothing that is signed."""

import re
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.signing.ids import CARRIED, Ids, carried, is_usable
from processor.model import Partition, Record
from tests.support.builders import record

USABLE = re.compile("[A-Za-z0-9_~-]{1,255}")
topics = st.from_regex(r"\A[A-Za-z0-9._-]{1,249}\Z") | st.sampled_from(["a.b", "a_b", "a-b", "a", "a-1"])
coordinates = st.builds(
    lambda topic, number, offset, millis: record(
        offset, partition=Partition(topic, number), timestamp=millis / 1000
    ),
    topics,
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**43),
)


def of(record: Record) -> str:
    found = Ids().of(record)
    assert found is not None
    return found


@given(coordinates, coordinates)
def test_two_records_have_the_same_id_only_where_they_are_one(one: Record, other: Record) -> None:
    same = (one.partition, one.offset, one.timestamp) == (other.partition, other.offset, other.timestamp)
    assert (of(one) == of(other)) is same
    assert USABLE.fullmatch(of(one))


@given(st.integers(0, 2**43))
def test_the_time_of_a_record_is_told_to_the_millisecond(millis: int) -> None:
    assert of(record(5, timestamp=millis / 1000)) == f"events-0-5-{millis}"


@pytest.mark.parametrize(
    ("topic", "other"), [("a.b", "a_b"), ("a.b", "a-b"), ("x" * 249, "x" * 248 + "y"), ("x" * 249, "x" * 248)]
)
def test_topics_that_look_alike_stay_apart(topic: str, other: str) -> None:
    ids = Ids()
    assert ids.of(record(partition=Partition(topic, 0))) != ids.of(record(partition=Partition(other, 0)))


@pytest.mark.parametrize("length", [200, 201, 249])
def test_an_id_is_never_too_long_for_those_who_keep_it(length: int) -> None:
    last = record(2**63 - 1, partition=Partition("x" * length, 2**31 - 1), timestamp=2**43 / 1000)
    assert USABLE.fullmatch(of(last))
    assert of(last).startswith("x" * 100 + ("~~" if length > 200 else "x"))


def test_coordinates_are_readable() -> None:
    stands = record(7, partition=Partition("events.v1.eu", 0), timestamp=1764251999.123)
    assert of(stands) == "events~v1~eu-0-7-1764251999123"
    timeless = record(123456, partition=Partition("events", 3), timestamp=None)
    assert of(timeless) == "events-3-123456"


def test_a_topic_that_was_made_anew_has_other_ids() -> None:
    assert of(record(0, timestamp=1.0)) != of(record(0, timestamp=2.0))


def test_an_event_that_stands_nowhere_has_no_id() -> None:
    assert Ids().of(record(partition=Partition("", 0))) is None
    assert Ids().of(record(partition=Partition("", 0)), "said") == "said"


@given(coordinates, st.none() | st.from_regex(r"\A[A-Za-z0-9_-]{1,128}\Z"))
def test_a_dead_letter_that_is_sent_again_has_the_id_of_the_first_time(stands: Record, said: str) -> None:
    ids = Ids()
    first = ids.of(stands, said)
    assert first is not None
    letter = record(1, partition=Partition("events.dlq", 0), headers=((CARRIED, first.encode()),))
    assert ids.of(letter, said) == ids.of_letter(letter, said, is_request=True) == first


@pytest.mark.parametrize("brought", [b"", b"a.b", b"a b", b"x\r\ny", b"x" * 256, b"\xff", None])
def test_what_is_no_id_is_not_kept(brought: bytes | None) -> None:
    found = record(1, headers=((CARRIED, brought),))
    assert carried(found) is None
    assert of(found) == of(record(1))


def test_of_several_ids_that_a_record_brings_the_last_is_kept() -> None:
    assert carried(record(headers=((CARRIED, b"a"), ("x", b"y"), (CARRIED, b"b")))) == "b"
    assert carried(record(headers=None)) is None


@given(st.text(max_size=140))
def test_what_an_event_says_is_an_id_where_nothing_in_it_moves_what_is_signed(said: str) -> None:
    assert is_usable(said) == bool(re.fullmatch("[A-Za-z0-9_-]{1,128}", said, re.ASCII))


def test_a_header_of_the_record_says_its_id_in_any_case_and_else_its_coordinates_do() -> None:
    ids = Ids("X-Event-Id")
    assert ids.of(record(headers=(("x-event-id", b"a"), ("X-EVENT-ID", b"b-1_2")))) == "b-1_2"
    for other in ((("x-event-id", b"a.b"),), (("x-event-id", None),), (("y", b"a"),), ()):
        assert ids.of(record(3, headers=other)) == of(record(3))


def test_the_id_of_a_cloudevent_is_its_own_within_its_source_alone() -> None:
    ids = Ids("ce_id")
    alone = record(headers=(("ce_id", b"1"),))
    assert ids.of(alone) == "1"
    both = record(headers=(("ce_id", b"1"), ("ce_source", b"/a b")))
    assert ids.of(both) == sha256(b"4:/a b1").hexdigest()
    shifted = record(headers=(("ce_id", b"b1"), ("ce_source", b"/a ")))
    assert ids.of(shifted) != ids.of(both)


def test_a_letter_of_what_was_never_a_request_carries_what_it_brought_alone_where_events_say_their_ids() -> (
    None
):
    says, stands = Ids(are_said=True), Ids()
    bad = record(4)
    assert says.of_letter(bad, None, is_request=False) is None
    assert says.of_letter(record(headers=((CARRIED, b"x"),)), None, is_request=False) == "x"
    assert says.of_letter(bad, "said", is_request=True) == "said"
    assert stands.of_letter(bad, None, is_request=False) == of(bad)
