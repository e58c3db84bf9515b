"""Whatever stands in a dead-letter topic can be read, and nothing is believed that cannot be."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.dead_letter import CONNECT, OURS, DeadLetterPolicy, Failure, write_down
from processor.core.letters.letter import MOST_BYTES, Letter, Place, place_of, read
from processor.model import DeadLetter, Partition, Record, RecordHeaders
from tests.support.builders import record, response

AT = datetime(2026, 11, 28, 5, 0, tzinfo=UTC).timestamp()
FAILURE = Failure(
    "refused", "the endpoint answered 422", "TASK_PUT", "x", 3, AT - 60.0, AT, response=response(422)
)


def kept(letter: DeadLetter, topic: str = "events.dlq", offset: int = 17) -> Record:
    """A letter as it is read from its topic."""
    return Record(Partition(topic, 3), offset, letter.key, letter.value, letter.headers, letter.timestamp, 0)


def with_headers(**more: str) -> Letter:
    """A record with headers of ours, of these names."""
    headers = tuple((OURS + name.replace("__", "."), text.encode()) for name, text in more.items())
    return read(record(headers=headers, timestamp=5.0))


def test_what_we_wrote_down_is_read() -> None:
    source = record(41, key=b"k", timestamp=AT - 3600.0)
    letter = read(kept(write_down(DeadLetterPolicy("crm", "g", "1"), source, FAILURE)))
    assert letter == Letter(
        place=Place(Partition("events.dlq", 3), 17),
        at=AT,
        code="refused",
        status=422,
        destination="crm",
        origin=Place(source.partition, 41),
        message="refused: the endpoint answered 422",
        attempts=3,
        redeliveries=0,
        key=b"k",
        timestamp=AT - 3600.0,
        addressee="crm",
    )


def test_one_that_failed_again_says_where_it_stood_first_and_how_it_failed_last() -> None:
    policy = DeadLetterPolicy("crm", "g", "1")
    first = kept(write_down(policy, record(41), FAILURE._replace(code="retries_exhausted")))
    letter = read(kept(write_down(policy, first, FAILURE), offset=99))
    assert (letter.code, letter.origin, letter.place.offset) == (
        "refused",
        Place(record(41).partition, 41),
        99,
    )
    assert letter.message == "refused: the endpoint answered 422"


def test_one_of_kafka_connect_is_read() -> None:
    headers: RecordHeaders = (
        (CONNECT + "topic", b"orders"),
        (CONNECT + "partition", b"2"),
        (CONNECT + "offset", b"7"),
        (CONNECT + "connector.name", b"http-sink"),
        (CONNECT + "exception.message", b"Request failed"),
        (CONNECT + "exception.stacktrace", b"x" * 100_000),
    )
    letter = read(record(headers=headers, timestamp=AT))
    assert (letter.code, letter.destination, letter.message) == ("connect", "http-sink", "Request failed")
    assert (letter.origin, letter.at) == (Place(Partition("orders", 2), 7), AT)


def test_what_is_no_letter_says_nothing() -> None:
    letter = read(record(headers=None, timestamp=None))
    assert (letter.code, letter.at, letter.origin, letter.redeliveries) == ("unknown", None, None, 0)


@pytest.mark.parametrize("text", ["", "1e3", "-1", "٣", "9" * 20, "3 "])
def test_a_number_that_is_none_is_not_believed(text: str) -> None:
    letter = with_headers(attempts=text, redeliveries=text, status=text)
    assert (letter.attempts, letter.redeliveries, letter.status) == (None, 0, None)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-11-28T99:00:00", "0001-01-01T00:00:00+23:59", "1969-12-31T00:00:00", "5"]
)
def test_a_time_that_is_none_is_that_of_the_record(text: str) -> None:
    assert with_headers(last_attempt=text).at == 5.0


def test_a_time_without_a_zone_is_utc() -> None:
    assert with_headers(last_attempt="2026-11-28T05:00:00").at == AT


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted({OURS + "error.code", OURS + "last_attempt", CONNECT + "topic", "x"})),
            st.none() | st.binary(max_size=2000),
        )
    )
)
def test_any_headers_can_be_read_within_bounds(headers: list[tuple[str, bytes | None]]) -> None:
    letter = read(record(headers=tuple(headers)))
    assert len(letter.code) <= 64
    assert letter.origin is None or len(letter.origin.partition.topic) <= MOST_BYTES


@given(
    st.builds(
        Place,
        st.builds(
            Partition, st.from_regex(r"[A-Za-z0-9._-]{1,249}", fullmatch=True), st.integers(0, 2**31 - 1)
        ),
        st.integers(0, 2**63 - 1),
    )
)
def test_a_place_is_read_as_it_is_written(place: Place) -> None:
    assert place_of(str(place)) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "events",
        "events/1",
        "events/1/",
        "/1/2",
        "events/-1/2",
        "events/1/2/3",
        "events/a/2",
        "a b/1/2",
        "a\r\nb: c/1/2",
        "ä/1/2",
        "x" * 250 + "/1/2",
    ],
)
def test_what_is_no_place_is_none(text: str) -> None:
    assert place_of(text) is None
