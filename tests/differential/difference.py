"""How two clients that were asked for the same odd answer differ."""

from typing import NamedTuple

from tests.differential.differential import Met, plain
from tests.differential.odd_answers import Odd


class Difference(NamedTuple):
    """Ours and theirs, both asked for the same; `aspect` is `answer`, `waiting`, `kept` or `next`."""

    aspect: str
    odd: Odd
    ours: Met
    theirs: Met

    def __str__(self) -> str:
        """For people."""
        return f"{self.aspect} of {self.odd}: ours {shown(self.ours)}, theirs {shown(self.theirs)}"


def differences(odd: Odd, ours: Met, theirs: Met) -> list[Difference]:
    """How they differ: in the answer or, where it is the same, in its time, or in its connection.

    Where the next answers differ, that of the connection is no difference by itself: who takes what nobody
    asked for as an answer may have written its request before or not, as its tasks happen to run.
    """
    found = []
    is_next_the_same = [plain(each)[:2] for each in ours.nexts] == [plain(each)[:2] for each in theirs.nexts]
    if ours.outcome != theirs.outcome:
        found.append("answer")
    elif ours.waited != theirs.waited:
        found.append("waiting")
    elif is_next_the_same and ours.kept != theirs.kept:
        found.append("kept")
    if not is_next_the_same:
        found.append("next")
    return [Difference(aspect, odd, ours, theirs) for aspect in found]


def shown(met: Met) -> str:
    """For people."""
    kept = "kept" if met.kept else "not kept"
    answers = [plain(answer) for answer in (*met.answers, *met.nexts)]
    return f"{', '.join(f'{str(a)[:60]}' for a in answers)} after {met.seconds:.1f} s, {kept}"
