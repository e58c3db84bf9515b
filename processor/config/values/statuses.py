"""Statuses: which answers, and which failures, a setting names."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from processor.config.values.types import each_judged, items
from processor.core.dead_letter import CODES

STATUS = "^[1-5]([0-9]{2}|[xX]{2})$"
"""A status, or all that begin with a digit."""
_STATUS = {"type": ["integer", "string"], "minimum": 100, "maximum": 599, "pattern": STATUS}


def _statuses(value: Any) -> Any:
    """`[404, "5xx"]` as the statuses it names."""
    said = items(value) if isinstance(value, (list, str)) else [value]
    if not all(isinstance(item, str | int) for item in said):
        raise ValueError("must be a list of statuses, such as [404, 5xx]")
    texts = each_judged(statuses_of, [str(item) for item in said])
    return frozenset().union(*map(statuses_of, texts))


def statuses_of(item: str) -> frozenset[int]:
    """The statuses that `404` or `5xx` names."""
    text = item.lower()
    if len(text) == 3 and text[0] in "12345" and text[1:] == "xx":
        return frozenset(range(int(text[0]) * 100, int(text[0]) * 100 + 100))
    if len(text) == 3 and text.isdecimal() and 100 <= int(text) <= 599:
        return frozenset((int(text),))
    raise ValueError(f"{text[:20]!r} is no status: write 404, or 5xx for all from 500 to 599")


def _failures(failures: list[str]) -> list[str]:
    try:
        each_judged(lambda item: item in CODES or statuses_of(item), failures)
    except ValueError as error:
        raise ValueError(f"{error}; or a kind of failure: {', '.join(CODES)}") from None
    return failures


def _statuses_as_text(value: Any) -> Any:
    said = items(value)
    return [str(item) if isinstance(item, int) else item for item in said] if isinstance(said, list) else said


Failures = Annotated[
    list[str],
    BeforeValidator(_statuses_as_text),
    AfterValidator(_failures),
    WithJsonSchema({"type": "array", "items": {"anyOf": [{"enum": [*CODES]}, _STATUS]}}),
]
Statuses = Annotated[
    frozenset[int], BeforeValidator(_statuses), WithJsonSchema({"type": "array", "items": _STATUS})
]
