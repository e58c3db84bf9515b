"""A run of letters ends, passes on what was asked for, and makes of each the record that it is of."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.dead_letter import CONNECT, OURS, DeadLetterPolicy, Failure, write_down
from processor.core.letters.finished import Finished
from processor.core.letters.letter import Letter, Place, read
from processor.core.letters.redelivery import Excerpt, RedeliveryPolicy, Verdict, original
from processor.core.letters.selection import SelectionPolicy
from processor.model import Partition, Position, Received, Record, RecordHeaders
from tests.support.builders import FIRST, SECOND, THIRD, record

FAILURE = Failure("refused", "no", "TASK_PUT", "x", 1, 5.0, 6.0)
NOW = 2_000_000_000.0


def kept(source: Record, offset: int = 9, partition: Partition = FIRST) -> Record:
    """Its letter, as it is read."""
    made = write_down(DeadLetterPolicy("crm", "g", "1"), source, FAILURE)
    return Record(partition, offset, made.key, made.value, made.headers, made.timestamp, 1)


def judged(letter: Record, policy: RedeliveryPolicy | None = None) -> Verdict:
    return (policy or RedeliveryPolicy()).judge(read(letter))


def test_what_is_prepared_is_the_record_as_it_stood_where_it_stood_first() -> None:
    source = record(41, value=b'{"n":1}', headers=(("tenant", b"a"), ("empty", None)), timestamp=1234.5)
    first = kept(source)
    second = kept(first, 12)
    for letter in (first, second):
        was = original(letter, read(letter))
        assert (was.partition, was.offset, was.timestamp) == (source.partition, 41, 1234.5)
        assert (was.key, was.value, was.headers) == (source.key, source.value, source.headers)


def test_what_says_of_itself_nothing_stands_where_it_stands() -> None:
    stranger = record(3, headers=None, timestamp=7.0)
    was = original(stranger, read(stranger))
    assert (was.partition, was.offset, was.timestamp, was.headers) == (FIRST, 3, 7.0, ())


def test_each_redelivery_that_fails_is_counted_and_too_many_are_passed_over() -> None:
    letter = kept(record(41))
    counts = []
    for _ in range(4):
        counts.append((read(letter).redeliveries, judged(letter)))
        letter = kept(letter)
    sent = Verdict.SENT
    assert counts == [(0, sent), (1, sent), (2, sent), (3, Verdict.TOO_OFTEN)]


@pytest.mark.parametrize("said", [b"", b"-1", b"x", b"9" * 5000, b"0" * 5000, None])
def test_a_count_that_is_none_begins_anew(said: bytes | None) -> None:
    letter = kept(record(1, headers=((OURS + "redeliveries", said), (CONNECT + "topic", b"t"))))
    assert read(letter).redeliveries == 1


def test_one_that_was_put_back_as_a_record_goes_on_counting() -> None:
    assert read(kept(record(1, headers=((OURS + "redeliveries", b"2"),)))).redeliveries == 3


def test_a_time_that_is_none_is_not_taken_from_a_letter() -> None:
    strange = record(1, headers=((OURS + "timestamp", b"<script>"), (OURS + "first_attempt", b"")))
    headers = dict(kept(strange).headers or ())
    assert headers[OURS + "timestamp"] == b"1970-01-01T00:00:00.000+00:00"
    assert headers[OURS + "first_attempt"] == b"1970-01-01T00:00:05.000+00:00"


def test_what_is_not_meant_and_what_has_lost_its_value_is_left_out() -> None:
    letter = kept(record(1))
    assert judged(letter, RedeliveryPolicy(SelectionPolicy(codes=frozenset({"tombstone"})))) is Verdict.OTHER
    without = Record(FIRST, 1, b"k", None, ((OURS + "value.size", b"3"),), 1.0, 1)
    assert judged(without) is Verdict.INCOMPLETE


def test_what_was_to_go_to_another_destination_is_left_to_that_unless_it_is_asked_for() -> None:
    of_crm, stranger = kept(record(1)), record(2, headers=((CONNECT + "connector.name", b"sink"),))
    erp = RedeliveryPolicy(destination="erp")
    asked = RedeliveryPolicy(SelectionPolicy(destinations=frozenset({"crm"})), destination="erp")
    assert judged(of_crm, erp) is Verdict.ELSEWHERE
    assert {judged(of_crm, asked), judged(stranger, erp), judged(of_crm)} == {Verdict.SENT}
    assert judged(of_crm, RedeliveryPolicy(destination="crm")) is Verdict.SENT


SPENT: RecordHeaders = ((OURS + "redeliveries", b"3"),)
ENDS: Mapping[Partition, int] = {FIRST: 12, SECOND: 7}


@st.composite
def batches(draw: st.DrawFn) -> list[Received]:
    """What a source gives of three partitions, with what it gives again after a rebalance."""
    found: list[Received] = []
    at = dict.fromkeys((FIRST, SECOND, THIRD), 0)
    for _ in range(draw(st.integers(1, 12))):
        partition = draw(st.sampled_from(sorted(at)))
        if draw(st.booleans()):
            at[partition] = draw(st.integers(0, at[partition]))
        end = at[partition] + draw(st.integers(0, 6))
        given_ = [
            record(n, partition=partition, epoch=len(found), headers=SPENT if n % 4 == 3 else ())
            for n in range(at[partition], end)
        ]
        found.append(Received(given_, {partition: end}))
        at[partition] = end
    return found


@given(batches(), st.none() | st.integers(1, 15))
def test_nothing_beyond_the_beginning_of_the_run_is_passed_on_and_no_more_than_was_asked_for(
    given_: list[Received], most: int | None
) -> None:
    excerpt = Excerpt(RedeliveryPolicy(most=most), ENDS)
    passed: set[tuple[Partition, int]] = set()
    for received in given_:
        kept_ = excerpt.within(received, NOW)
        assert all(each.timestamp == NOW for each in kept_.records)
        passed |= {(each.partition, each.offset) for each in kept_.records}
        for partition, end in kept_.ends.items():
            below = (
                {(partition, n) for n in range(received.records[0].offset, end)} if received.records else ()
            )
            assert passed.issuperset(below)
    assert all(offset < ENDS.get(partition, 0) for partition, offset in passed)
    there = {
        (each.partition, each.offset)
        for received in given_
        for each in received.records
        if each.offset < ENDS.get(each.partition, 0)
    }
    sent, to_send = ({each for each in those if each[1] % 4 != 3} for those in (passed, there))
    assert len(sent) == (len(to_send) if most is None else min(most, len(to_send)))
    assert most is not None or passed == there
    whole = {p: Finished(Position(end)) for p, end in ENDS.items()}
    assert excerpt.left({}, whole) == 0
    nothing = {p: Finished(None) for p in ENDS}
    is_full = most == len(sent)
    assert is_full or excerpt.left({}, nothing) == sum(ENDS.values())
    assert not is_full or excerpt.left({}, nothing) >= len(passed)


def test_what_lies_beyond_the_end_of_a_run_tells_that_the_end_was_reached() -> None:
    excerpt = Excerpt(RedeliveryPolicy(), ENDS)
    received = Received([record(10), record(14), record(15)], {})
    assert excerpt.within(received, NOW).ends == {FIRST: 12}


def test_a_topic_that_no_longer_reaches_as_far_is_another_whatever_was_passed_on() -> None:
    excerpt = Excerpt(RedeliveryPolicy(most=1), ENDS)
    excerpt.within(Received([record(0), record(1)], {}), NOW)
    assert not excerpt.is_cut({FIRST: 12, SECOND: 9, THIRD: 0})
    assert excerpt.is_cut({FIRST: 11, SECOND: 9})


def test_headless_letters_beyond_the_beginning_are_not_told_of() -> None:
    excerpt = Excerpt(RedeliveryPolicy(), ENDS)
    headless = [record(11, headers=None), record(12, headers=None)]
    assert [each.offset for each in excerpt.within(Received((), {}, headless), NOW).headless] == [11]


def test_a_letter_keeps_its_own_time_beside_that_of_the_run() -> None:
    excerpt = Excerpt(RedeliveryPolicy(), ENDS)
    of_connect: RecordHeaders = ((CONNECT + "topic", b"orders"),)
    timed, untimed = record(1, headers=of_connect, timestamp=5.0), record(2, headers=None, timestamp=None)
    (first,) = excerpt.within(Received([timed], {}), NOW).records
    assert (first.timestamp, read(first).timestamp, original(first, read(first)).timestamp) == (NOW, 5.0, 5.0)
    again = excerpt.within(Received([first], {}), NOW + 1).records[0]
    assert again.headers == first.headers
    for strange in (untimed, record(3, headers=((OURS + "timestamp", b"none"),), timestamp=5.0)):
        for now in (NOW, NOW + 1):
            (passed,) = excerpt.within(Received([strange], {}), now).records
            assert (passed.timestamp, original(passed, read(passed)).timestamp) == (now, None)


def test_what_was_deleted_meanwhile_is_not_waited_for() -> None:
    excerpt = Excerpt(RedeliveryPolicy(), ENDS)
    finished = {FIRST: Finished(Position(9)), SECOND: Finished(None)}
    assert excerpt.left({SECOND: 5}, finished) == 3 + 2
    assert excerpt.left({SECOND: 5}, {FIRST: Finished(Position(9))}) == 3


def test_a_letter_is_placed_by_its_topic() -> None:
    assert isinstance(read(record()), Letter)
    assert read(record(3)).place == Place(FIRST, 3)
