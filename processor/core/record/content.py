"""Content: what a record says, whatever it came as.

Promise: it is one of two things: an event, whose JSON is looked into, or bytes, which are sent as they are.
"""

from typing import NamedTuple

from processor.model import Headers


class Content(NamedTuple):
    """What a record says.

    `event`: the event as JSON; it is what is sent where `body` is None. `body`: bytes that are sent as they
    are, as `content_type` (None: they have none). `headers` are the record's own: they stand beside the
    configured ones and win over them; `dropped` is how many could not be sent. `before`: where the request's
    body becomes the data of a structured CloudEvent, what stands in front of it; a brace closes it.
    """

    event: bytes | None
    body: bytes | None = None
    content_type: str | None = None
    headers: Headers = ()
    dropped: int = 0
    before: bytes = b""


class LeftOut(NamedTuple):
    """A rule leaves the record out; `reason` is a word of a closed set: `delete`, `truncate`, `message`."""

    reason: str
