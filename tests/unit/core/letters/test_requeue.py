"""A letter that is put back is the record that it is of, known by the id that it was sent with."""

from processor.core.dead_letter import CONNECT, OURS, REDELIVERIES, DeadLetterPolicy, Failure, write_down
from processor.core.letters.letter import read
from processor.core.letters.requeue import put_back
from processor.core.request.signing.ids import CARRIED, Ids
from processor.model import DeadLetter, Record
from tests.support.builders import FIRST, record

SOURCE = record(41, key=b"k", value=b'{"n":1}', headers=(("tenant", b"a"), ("empty", None)), timestamp=5.0)
OF_COORDINATES = Ids()


def letter(source: Record, ids: Ids | None = OF_COORDINATES) -> Record:
    failure = Failure("refused", "no", "TASK_PUT", "x", 1, 6.0, 7.0)
    made = write_down(DeadLetterPolicy("crm", "g", "1", ids=ids), source, failure)
    return Record(FIRST, 9, made.key, made.value, made.headers, 8.0, 1)


def put(of: Record, ids: Ids | None = OF_COORDINATES, *, keeps_time: bool = False) -> DeadLetter:
    return put_back(of, read(of), ids, keeps_time=keeps_time)


def test_it_is_the_record_with_its_id_and_how_often_it_was_sent_again() -> None:
    ours = ((CARRIED, b"events-0-41-5000"), (REDELIVERIES, b"0"))
    assert put(letter(SOURCE)) == DeadLetter(b"k", b'{"n":1}', (*(SOURCE.headers or ()), *ours))
    assert put(letter(SOURCE), keeps_time=True).timestamp == 5.0


def test_its_id_stays_however_often_it_fails_and_is_put_back() -> None:
    at = SOURCE
    for times in range(3):
        of = letter(at)
        back = put(of)
        assert dict(back.headers)[CARRIED] == b"events-0-41-5000"
        assert dict(back.headers)[REDELIVERIES] == b"%d" % times
        at = Record(FIRST, 100 + times, back.key, back.value, back.headers, 9.0, 1)


def test_without_an_id_that_is_carried_it_has_that_of_where_it_stood_unless_its_event_may_say_one() -> None:
    bare = record(
        3,
        headers=(
            (CONNECT + "topic", b"orders"),
            (CONNECT + "partition", b"2"),
            (CONNECT + "offset", b"7"),
            (OURS + "timestamp", b"1970-01-01T00:00:05.000+00:00"),
        ),
    )
    assert dict(put(bare).headers)[CARRIED] == b"orders-2-7-5000"
    for ids in (None, Ids(are_said=True)):
        assert put(bare, ids).headers == ((REDELIVERIES, b"0"),)
