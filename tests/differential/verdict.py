"""What is wrong with a client: promises that it broke, and differences from aiohttp that nobody intended."""

from collections.abc import Mapping, Sequence

from processor.model import Response
from tests.differential.difference import differences, shown
from tests.differential.differential import LATE, SECONDS, Met, plain
from tests.differential.intended import kind_of
from tests.differential.odd_answers import Odd
from tests.differential.odd_server import usual
from tests.differential.promised import promised


def broken_promises(odd: Odd, ours: Met, name: str) -> list[str]:
    """What is wrong with ours whatever aiohttp does; `name` is who it asked as."""
    expected = plain(usual(name, odd.number))
    whole = promised(odd)
    wrong = {
        "not one answer": len(ours.answers) != 1 or len(ours.nexts) != 1,
        "does not stand": whole is not None and ours.outcome != whole,
        "too late": ours.seconds > SECONDS + LATE,
        "the next has another's answer": [plain(each) for each in ours.nexts] != [expected],
        "another's body": _is_anothers(odd, ours.outcome[-1], name),
    }
    return [f"{what}: {odd}: {shown(ours)}" for what, is_so in wrong.items() if is_so]


def _is_anothers(odd: Odd, body: object, name: str) -> bool:
    """Whether a body carries the number of another answer, or is the usual one to a next request."""
    if not isinstance(body, bytes):
        return False
    number = body[:4]
    is_numbered = len(number) == 4 and number.isdigit()
    return body.startswith(name.encode()) or (is_numbered and number != b"%04d" % odd.number)


def is_mixed_up(odd: Odd, theirs: Met, name: str) -> bool:
    """Whether a client was given answers to other requests, which tells nothing of this one.

    aiohttp's session takes what nobody asked for as the answer to its next request. The answer that this
    one gets then is taken for that to the request behind, if its connection is still open by then.
    """
    bodies = [each.body for each in theirs.nexts if isinstance(each, Response)]
    of_others = [body for body in bodies if body != usual(name, odd.number).body]
    return _is_anothers(odd, theirs.outcome[-1], name) or any(_is_anothers(odd, b, name) for b in of_others)


def faults(odds: Sequence[Odd], met: Sequence[Mapping[str, Met]], name: str, other: str) -> list[str]:
    """All that is wrong with the client `name`: broken promises and differences that are not intended.

    It is not compared where the other one is mixed up.
    """
    found: list[str] = []
    for odd, each in zip(odds, met, strict=True):
        found += broken_promises(odd, each[name], name)
        if is_mixed_up(odd, each[other], other):
            continue
        found += [str(d) for d in differences(odd, each[name], each[other]) if not kind_of(d)]
    return found
