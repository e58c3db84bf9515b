"""Trace context: which trace a record belongs to, as its headers say it.

Promises: what is found is valid by the specification, whatever the headers are, and safe to be sent as it
stands; what is not is as good as not there. Names are compared without case, and the last of several
counts, as for all headers of records. The work is linear in the number of headers, and bounded for each.

https://www.w3.org/TR/trace-context/
"""

import re
from typing import Final, NamedTuple

from processor.model import Headers, RecordHeaders

PARENT, STATE = "traceparent", "tracestate"
NAMES: Final = frozenset((PARENT, STATE))

LONGEST_PARENT: Final = 128
"""Bytes: those of version 00 have 55, and what comes after it may be longer."""
LONGEST_STATE: Final = 512
MOST_MEMBERS: Final = 32
_LENGTH: Final = len(PARENT)
_LENGTH_OF_STATE: Final = len(STATE)

_PARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:(?<!\A00.{53})-[!-~]*)?"
)
_MEMBER: Final = (
    r"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
_LIST: Final = re.compile(rf"(?:{_MEMBER})?(?:[\t ]*,[\t ]*(?:{_MEMBER})?)*".encode())
"""Members may be empty. Where one ends is never in doubt: no value has a comma, or ends with a space."""


class TraceContext(NamedTuple):
    """`traceparent` as it stands, and `tracestate`, empty where there is none."""

    parent: str
    state: str = ""

    @property
    def trace_id(self) -> int:
        return int(self.parent[3:35], 16)

    @property
    def span_id(self) -> int:
        return int(self.parent[36:52], 16)

    @property
    def is_sampled(self) -> bool:
        """Whether who made the record keeps its trace."""
        return int(self.parent[53:55], 16) & 1 == 1

    def headers(self) -> Headers:
        """What requests are sent of it."""
        return ((PARENT, self.parent), (STATE, self.state)) if self.state else ((PARENT, self.parent),)


def found(headers: RecordHeaders) -> TraceContext | None:
    """The trace of a record; None: it says none that is valid."""
    parent: bytes | None = None
    states: list[bytes] = []
    for name, value in headers:
        length = len(name)
        if length == _LENGTH and name.lower() == PARENT:
            parent = value or b""
        elif length == _LENGTH_OF_STATE and value and name.lower() == STATE:
            states.append(value)
    if parent is None or len(parent) > LONGEST_PARENT or not _PARENT.fullmatch(parent):
        return None
    return TraceContext(parent.decode(), _state(states) if states else "")


def _state(said: list[bytes]) -> str:
    """Several are one list (RFC 9110, 5.3); one that is too long or not valid is dropped."""
    text = (said[0] if len(said) == 1 else b",".join(said)).strip(b"\t ")
    if len(text) > LONGEST_STATE or text.count(b",") >= MOST_MEMBERS or not _LIST.fullmatch(text):
        return ""
    return text.decode()
