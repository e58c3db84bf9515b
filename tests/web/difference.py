"""How two clients that were asked for the same odd answer differ."""

from typing import NamedTuple

from tests.web.differential import Met, plain
from tests.web.odd_answers import Odd


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
    """How they differ: in the answer or, where it is the same, in its time, or in its connection."""
    found = []
    if ours.outcome != theirs.outcome:
        found.append("answer")
    elif ours.waited != theirs.waited:
        found.append("waiting")
    elif ours.kept != theirs.kept:
        found.append("kept")
    if [plain(each)[:2] for each in ours.nexts] != [plain(each)[:2] for each in theirs.nexts]:
        found.append("next")
    return [Difference(aspect, odd, ours, theirs) for aspect in found]


def shown(met: Met) -> str:
    """For people."""
    kept = "kept" if met.kept else "not kept"
    answers = [plain(answer) for answer in (*met.answers, *met.nexts)]
    return f"{', '.join(f'{str(a)[:60]}' for a in answers)} after {met.seconds:.1f} s, {kept}"
