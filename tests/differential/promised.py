"""What an answer comes to for sure when its head is a usual one, whatever is wrong behind it."""

from collections.abc import Mapping

from tests.differential.odd_answers import USUAL, Odd

BODIES_AS_FAR: Mapping[str, bytes] = {
    "a length too short": b"sa",
    "a length of 0 and a body": b"",
}
CHUNKS_AS_FAR: Mapping[str, bytes] = {
    "a broken chunk extension": b"",
    "a space before a chunk size": b"",
    "a chunk size in hex notation": b"",
    "a negative chunk size": b"",
    "an empty chunk size": b"",
    "a huge chunk size": b"",
    "chunks of LF": b"",
    "a chunk size too short": b"sa",
    "a broken chunk size": b"said",
    "a chunk without end": b"said",
    "a chunk size too long": b"said\r\n0\r",
}
TRAILERS_AS_FAR: Mapping[str, bytes] = {
    "a broken trailer": b"said",
    "a trailer too large": b"said",
    "200 trailers": b"said",
}
"""What is read of bodies that break, with `said` for the number of an answer."""

_BODIES: Mapping[str, bytes] = {
    **BODIES_AS_FAR,
    **CHUNKS_AS_FAR,
    **TRAILERS_AS_FAR,
    "a body of 4": b"said",
    "no body": b"",
    "a length too long": b"said",
    "no last chunk": b"said",
    "no end behind the last chunk": b"said",
    "a chunk": b"said",
    "chunks": b"okay!",
    "trailers": b"said",
}
_RETRIES: Mapping[str, str | None] = {
    "no Retry-After": None,
    "seconds": "120",
    "a date": "Wed, 21 Oct 2026 07:28:00 GMT",
    "in lower case": "1",
    "empty": "",
    "spaces around": "7",
    "two of them": "1",
    "of 127": "9" * 127,
    "of 128": "9" * 128,
    "of 129": "9" * 128,
    "of 8000": "9" * 128,
}
TOO_LARGE = ("forty headers of 8000", "a header much too large")
"""Headers above the limit of all of them together."""

_LINES = ("usual line", "no phrase", "phrase in UTF-8", "phrase of 8000", "phrase of 9000")
_FIELDS = (
    *("no more headers", "usual headers", "headers twice", "a value in UTF-8", "a value in Latin-1"),
    *("an empty value", "100 headers", "125 headers", "129 headers", "1000 headers", "a cookie"),
    *("a header just small enough", "a header just too large", "a name just small enough"),
    *("a name just too large", "a location", "an old websocket", "an unknown content encoding"),
)
_BODILESS = ("204", "304")
_USUAL_IN = ("ends", "end")
_INTERIM = ("nothing before", "100 before", "102 before", "103 before", "many interim answers before")
UNENDED_CHUNKS = ("no last chunk", "no end behind the last chunk")
"""Bodies of chunks that break as soon as more is said."""


def promised(odd: Odd) -> tuple[int, str | None, bytes] | None:
    """Status, Retry-After and body of the one right answer; None where it is not known here."""
    recipe = odd.recipe
    is_usual = all(getattr(recipe, aspect) == getattr(USUAL, aspect) for aspect in _USUAL_IN)
    is_usual = is_usual and recipe.line in _LINES and recipe.field in _FIELDS and recipe.before in _INTERIM
    if not is_usual or not is_answer(recipe.status):
        return None
    body = _BODIES.get(recipe.body)
    is_prolonged = recipe.then.startswith("says") and recipe.body == "a length too long"
    if body is None or is_prolonged or recipe.retry not in _RETRIES:
        return None
    status = int(recipe.status)
    retry_after = _RETRIES[recipe.retry] if is_failure(status) else None
    return status, retry_after, b"" if recipe.status in _BODILESS else own(body, odd)


def is_answer(status: str) -> bool:
    """Whether this is the status of an answer, neither an interim one nor nonsense."""
    return len(status) == 3 and status.isdigit() and 200 <= int(status) <= 599


def is_failure(status: int) -> bool:
    """Whether ours looks for a `Retry-After`."""
    return status >= 300


def own(body: bytes, odd: Odd) -> bytes:
    """A body with the number of its answer."""
    number = b"%04d" % odd.number
    return body.replace(b"said", number).replace(b"sa", number[:2])
