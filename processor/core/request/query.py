"""What an event becomes where there is no body: names and values for a query.

Nested values are flattened as RudderStack does: `a.b` for members, `a[0]` for elements; names are
not escaped, on a collision the last wins; an empty list or object stays as `[]` or `{}`. Values
that are not strings are written as their JSON text.

Promise: no more is made than `LONGEST_URL` has room for, however often a long name is repeated in
front of the leaves below it; what would be longer is refused when that is known.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote

import msgspec

from processor.core.request.endpoint import LONGEST_URL
from processor.core.request.events import (
    Event,
    Json,
    begins_object,
    decode,
    is_object,
    is_present,
    json_text,
    split,
)
from processor.errors import EventError

MOST_JSON = 4 * LONGEST_URL
"""Bytes of the JSON that a query is made of."""

_LONGEST_IDENTIFY = len('""') + len(r"\u0069" * len("identify"))
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")


def parameters(event: Event) -> dict[str, str]:
    """Traits of an identify event, properties of every other one, flattened; none where they are null.

    Raises EventError `invalid_event` where they are too much for a URL, or the event is no object: what it
    says would be lost.
    """
    if not event.members and not begins_object(event.value):
        raise EventError("invalid_event", "not a JSON object: no query can be made of it")
    raw = _traits(event) if _is_identify(event) else event.members.get("properties")
    if raw is None:
        return {}
    if len(raw) > MOST_JSON:
        raise _too_long()
    value = decode(raw)
    return {} if value is None else flatten(value)


def flatten(value: Json) -> dict[str, str]:
    """Every leaf of `value` by its path, in the order in which they are written."""
    flat: dict[str, str] = {}
    size = 0
    levels: list[Iterator[tuple[str | None, Json]]] = [iter([(None, value)])]
    while levels:
        for path, node in levels[-1]:
            if (below := _below(path, node)) is not None:
                levels.append(below)
                break
            name, text = path or "", str(node) if isinstance(node, str) else json_text(node)
            flat[name] = text
            size += len(name) + len(text) + len("&=")
            if size > LONGEST_URL:
                raise _too_long()
        else:
            levels.pop()
    return flat


def joined(url: str, pairs: dict[str, str]) -> str:
    """`url` with the pairs behind the query it has; spaces as `%20`. Raises EventError `invalid_event`."""
    text = "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in pairs.items()])
    between = "?" if "?" not in url else "" if url.endswith(("?", "&")) else "&"
    whole = f"{url}{between}{text}"
    if len(whole) > LONGEST_URL:
        raise _too_long()
    return whole


def _below(path: str | None, node: Json) -> Iterator[tuple[str, Json]] | None:
    """What stands in `node`, each with its path, made one by one; None: it is a leaf."""
    if isinstance(node, dict) and (node or path is None):
        before = f"{path}." if path else ""
        return ((before + name, item) for name, item in node.items())
    if isinstance(node, list) and node:
        return ((f"{path or ''}[{at}]", item) for at, item in enumerate(node))
    return None


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote(text, safe="")


def _is_identify(event: Event) -> bool:
    kind = event.members.get("type")
    return kind is not None and len(kind) <= _LONGEST_IDENTIFY and decode(kind) == "identify"


def _traits(event: Event) -> msgspec.Raw | None:
    traits = event.members.get("traits")
    if is_present(traits):
        return traits
    context = event.members.get("context")
    traits = split(context).get("traits") if is_object(context) else None
    return traits if is_present(traits) else None


def _too_long() -> EventError:
    return EventError("invalid_event", f"its query would make a URL of more than {LONGEST_URL} bytes")
