"""Where our client is meant to differ from aiohttp's session: every kind, with what ours answers instead."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from processor.web.connection import MAX_HEAD
from tests.differential.difference import Difference
from tests.differential.differential import plain
from tests.differential.promised import (
    BODIES_AS_FAR,
    CHUNKS_AS_FAR,
    TOO_LARGE,
    TRAILERS_AS_FAR,
    UNENDED_CHUNKS,
    is_answer,
    is_failure,
    own,
)

_UNREADABLE = {("malformed",), ("too_large",)}
_NO_ANSWERS = _UNREADABLE | {("answer_timeout",), ("reset",)}
_LARGE_LINES = ("phrase of 9000",)
_LARGE_FIELDS = (
    *TOO_LARGE,
    "125 headers",
    "129 headers",
    "1000 headers",
    "a header just small enough",
    "a header just too large",
    "a name just small enough",
    "a name just too large",
)


class Intended(NamedTuple):
    """One kind of difference: why aiohttp does what it does, and what ours does, as `covers` checks it."""

    kind: str
    aspect: str
    why: str
    ours: str
    covers: Callable[[Difference], bool]


def _stands(difference: Difference, body: bytes) -> bool:
    """Whether ours is the answer that the head is, with this body, and theirs was unreadable."""
    if difference.theirs.outcome not in _UNREADABLE:
        return False
    odd, ours = difference.odd, difference.ours.outcome
    if not is_answer(odd.recipe.status):
        return ours == ("malformed",)
    status = int(odd.recipe.status)
    has_retry = is_failure(status) and odd.recipe.retry != "no Retry-After"
    return (ours[0], ours[1:2] != (None,), ours[-1]) == (status, has_retry, own(body, odd))


def _as_far(bodies: Mapping[str, bytes]) -> Callable[[Difference], bool]:
    def covers(difference: Difference) -> bool:
        body = bodies.get(difference.odd.recipe.body)
        return body is not None and _stands(difference, body)

    return covers


def _said_twice(difference: Difference) -> bool:
    """Whether ours is what it is of an answer that says its length once."""
    recipe = difference.odd.recipe
    never_ends = recipe.ends == "space CRLF" and difference.ours.outcome in _NO_ANSWERS
    return recipe.body in ("a length twice", "a length in a list") and (
        never_ends or _stands(difference, b"said")
    )


def _bodiless(difference: Difference) -> bool:
    return difference.odd.recipe.status in ("204", "304") and _stands(difference, b"")


def _more_at_once(difference: Difference) -> bool:
    body = difference.ours.outcome[-1]
    is_more = difference.odd.recipe.then == "says more at once"
    return is_more and isinstance(body, bytes) and b"unasked" not in body and _stands(difference, body)


def _broken_later(difference: Difference) -> bool:
    recipe = difference.odd.recipe
    is_prolonged = recipe.then.startswith("says") and (recipe.body in UNENDED_CHUNKS or recipe.end < 1)
    is_broken = is_prolonged or recipe.body in {**CHUNKS_AS_FAR, **TRAILERS_AS_FAR}
    return is_broken and not difference.ours.waited


def _of_a_success(difference: Difference) -> bool:
    match difference.theirs.outcome:
        case (int(status), _, body) if not is_failure(status):
            return difference.ours.outcome == (status, None, body)
    return False


def _no_answer(difference: Difference) -> bool:
    is_malformed = difference.ours.outcome == ("malformed",) and not difference.ours.kept
    return is_malformed and not is_answer(difference.odd.recipe.status)


def _larger(difference: Difference) -> bool:
    is_large = difference.theirs.outcome == ("too_large",) and difference.ours.outcome != ("too_large",)
    recipe = difference.odd.recipe
    is_trailer = not is_answer(recipe.status) and recipe.body in TRAILERS_AS_FAR
    return is_large and (recipe.line in _LARGE_LINES or recipe.field in _LARGE_FIELDS or is_trailer)


def _all_in_all(difference: Difference) -> bool:
    is_large = difference.odd.recipe.field in TOO_LARGE
    is_none = difference.theirs.outcome in _NO_ANSWERS and len(difference.odd.said) > MAX_HEAD
    return difference.ours.outcome == ("too_large",) and (is_large or is_none)


def _behind_interim(difference: Difference) -> bool:
    return difference.odd.recipe.status[:1] == "1" and difference.ours.outcome in _NO_ANSWERS


def _read_to_the_end(difference: Difference) -> bool:
    is_one = difference.odd.recipe.body in ("200 trailers", "chunks of the limit")
    return is_one and difference.ours.kept


def _refused(difference: Difference) -> bool:
    recipe = difference.odd.recipe
    has_zero = recipe.line == "phrase with a zero" or recipe.field == "a value with a zero"
    is_odd = has_zero or recipe.body == "coded in an empty way"
    return is_odd and difference.ours.outcome == ("malformed",)


def _endless(difference: Difference) -> bool:
    ours, theirs = difference.ours.outcome, difference.theirs.outcome
    is_endless = difference.odd.recipe.body == "a length of 64 bits"
    return is_endless and (ours[0], theirs[-1]) == (theirs[0], b"")


def _old_websocket(difference: Difference) -> bool:
    is_old = difference.odd.recipe.field == "an old websocket"
    return is_old and difference.theirs.outcome == ("malformed",)


def _not_utf_8(difference: Difference) -> bool:
    match difference.theirs.outcome:
        case (status, str(value), body):
            readable = value.encode(errors="surrogateescape").decode(errors="replace")
            return readable != value and difference.ours.outcome == (status, readable, body)
    return False


def _unasked(difference: Difference) -> bool:
    """A trailer of the answer before may be among the headers of theirs."""
    theirs = [plain(answer) for answer in difference.theirs.nexts]
    return not difference.ours.kept and [(each[0], each[-1]) for each in theirs] == [(299, b"unasked")]


INTENDED = (
    Intended(
        "Retry-After of a success",
        "answer",
        "aiohttp reads all headers",
        "only the head of an answer that fails is looked into",
        _of_a_success,
    ),
    Intended(
        "a body behind a 204 or 304",
        "answer",
        "aiohttp forgets the answer when its parser takes what is behind it for another, broken one",
        "the answer stands, without a body",
        _bodiless,
    ),
    Intended(
        "more than the length",
        "answer",
        "aiohttp forgets the answer when its parser takes what is behind it for another, broken one",
        "the answer stands, with a body of the length",
        _as_far(BODIES_AS_FAR),
    ),
    Intended(
        "broken chunks",
        "answer",
        "aiohttp forgets the answer when its chunks break in the segment of its head",
        "the answer stands, with the body before the break",
        _as_far(CHUNKS_AS_FAR),
    ),
    Intended(
        "a length said twice alike",
        "answer",
        "aiohttp takes no answer that says its length more than once",
        "the answer stands, as RFC 9110, 8.6, allows; where its head never ends, it is none",
        _said_twice,
    ),
    Intended(
        "broken trailers",
        "answer",
        "aiohttp forgets the answer when its trailers break in the segment of its head",
        "the answer stands, with its body",
        _as_far(TRAILERS_AS_FAR),
    ),
    Intended(
        "chunks or trailers that break later",
        "waiting",
        "aiohttp waits for the end of a body that breaks in a later segment than that of its head",
        "the answer comes at once, with the body before the break",
        _broken_later,
    ),
    Intended(
        "more behind an answer that closes",
        "answer",
        "aiohttp's parser takes what comes behind a last answer for an error of it",
        "the answer stands",
        _more_at_once,
    ),
    Intended(
        "a status that is none",
        "kept",
        "aiohttp keeps a connection on which a 101, a 600 or a 099 came",
        "it is malformed, and its connection ends",
        _no_answer,
    ),
    Intended(
        "a large line or many headers",
        "answer",
        "aiohttp limits each line, and the number of headers",
        "the answer stands if its head is below the limit",
        _larger,
    ),
    Intended(
        "a head above the limit",
        "answer",
        "aiohttp does not limit the head as a whole",
        "it is too large",
        _all_in_all,
    ),
    Intended(
        "a body behind an interim answer",
        "answer",
        "aiohttp's parser knows no difference to that of an answer",
        "it is no HTTP, or no answer comes",
        _behind_interim,
    ),
    Intended(
        "the end of a body that is just short enough",
        "kept",
        "aiohttp stops at the limit, or at too many trailers, and does not see the end behind it",
        "the connection is kept",
        _read_to_the_end,
    ),
    Intended(
        "a zero in the head, or an empty Transfer-Encoding",
        "answer",
        "aiohttp looks for zeros in whole values only, and its llhttp takes a coding that is empty for none",
        "it is malformed",
        _refused,
    ),
    Intended(
        "a length of 64 bits",
        "answer",
        "aiohttp takes this one for none, and then for that of an empty body",
        "as much of the body as comes",
        _endless,
    ),
    Intended(
        "a header of an old protocol",
        "answer",
        "aiohttp refuses `Sec-WebSocket-Key1`",
        "it means nothing",
        _old_websocket,
    ),
    Intended(
        "Retry-After that is not UTF-8",
        "answer",
        "aiohttp's values have surrogates for such bytes, which cannot be written",
        "they are replaced",
        _not_utf_8,
    ),
    Intended(
        "an answer that nobody asked for",
        "next",
        "aiohttp takes what came on an idle connection for the answer to the next request",
        "the connection ends; the next request has a new one, and its own answer",
        _unasked,
    ),
)


def kind_of(difference: Difference) -> str | None:
    """The kind of an intended difference; None for any other."""
    return next(
        (each.kind for each in INTENDED if each.aspect == difference.aspect and each.covers(difference)), None
    )
