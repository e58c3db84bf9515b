"""How much metadata the broker takes is found out in a few refusals."""

from hypothesis import given
from hypothesis import strategies as st

from processor.core.progress.metadata_room import CLOSE, MetadataRoom

lengths = st.integers(0, 32_000)


@given(lengths, lengths, st.lists(lengths, max_size=20))
def test_after_few_refusals_nothing_longer_than_the_broker_takes_is_sent(
    configured: int, taken: int, needed: list[int]
) -> None:
    room, seen = MetadataRoom(configured), set[int]()
    for need in needed:
        while (length := min(need, room.limit)) > taken:
            assert room.refused(length) < length
            assert length not in seen
            seen.add(length)
        room.accepted(length)
        assert room.limit >= room.accepted_bytes
    assert len(seen) <= 15 + 9


@given(st.integers(0, 4000))
def test_a_limit_is_found_to_within_a_few_bytes(taken: int) -> None:
    room, refusals = MetadataRoom(4095), 0
    for _ in range(30):
        while room.limit > taken:
            room.refused(room.limit)
            refusals += 1
        room.accepted(room.limit)
    assert taken - CLOSE <= room.limit <= taken
    assert refusals <= 12 + 7


def test_what_was_taken_before_is_not_given_up_for_a_longer_one_that_is_refused() -> None:
    room = MetadataRoom(4095)
    room.accepted(1000)
    assert room.refused(1100) == 1000


def test_a_broker_that_becomes_stricter_is_believed() -> None:
    room = MetadataRoom(4095)
    room.accepted(1000)
    assert room.refused(900) == 450
    assert room.accepted_bytes == 0


def test_less_than_a_character_is_none() -> None:
    assert MetadataRoom(4095).refused(1) == 0
