"""Letters are counted by kind, and their number does not show in the memory that takes."""

from processor.core.letters.histogram import MOST_KINDS, SAMPLES, Histogram, Kind
from processor.core.letters.letter import Letter, Place
from processor.model import Partition


def letter(offset: int, code: str = "refused", status: int | None = 422, at: float | None = None) -> Letter:
    place = Place(Partition("events.dlq", 0), offset)
    return Letter(place, at, code, status, "crm", None, None, None, 0, None)


def test_kinds_are_counted_with_their_times_and_samples_those_with_most_first() -> None:
    histogram = Histogram()
    for offset, at in enumerate((7.0, None, 5.0, 9.0, 6.0)):
        histogram.add(letter(offset, at=at))
    histogram.add(letter(5, "tombstone", None))
    first, second = histogram.kinds()
    assert first[0] == Kind("refused", 422, "crm")
    assert (first[1].letters, first[1].oldest, first[1].newest) == (5, 5.0, 9.0)
    assert [place.offset for place in first[1].samples] == list(range(SAMPLES))
    assert second[0] == Kind("tombstone", None, "crm")
    assert (second[1].letters, second[1].oldest, second[1].newest) == (1, None, None)
    assert (histogram.letters, histogram.others) == (6, 0)


def test_of_more_kinds_than_there_is_room_for_only_the_number_is_known() -> None:
    histogram = Histogram()
    for n in range(MOST_KINDS + 50):
        histogram.add(letter(n, f"code{n}"))
        histogram.add(letter(n, "code0"))
    assert len(list(histogram.kinds())) == MOST_KINDS
    assert (histogram.letters, histogram.others) == (2 * (MOST_KINDS + 50), 50)


def test_a_destination_is_cut() -> None:
    histogram = Histogram()
    histogram.add(letter(0)._replace(destination="x" * 1000))
    ((kind, _),) = histogram.kinds()
    assert kind.destination == "x" * 64
