"""Which events are not for this destination, by what they say themselves.

Promise: an event without `integrations`, or with `{"All":true}` as most have it, is not looked into.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from processor.core.request.events import Event, is_object, split

_NAMES: Final = ("Webhook", "WEBHOOK")
"""What this destination is called in `integrations`: its name at RudderStack, and its name in their SDKs."""
_TRUE, _FALSE = msgspec.Raw(b"true"), msgspec.Raw(b"false")
_BOOLEANS = (_TRUE, _FALSE)
_SHORTEST_NO = len('{"Webhook":false}')
_NOTHING = msgspec.Raw(b"null")


class Integrations(StrEnum):
    """What an event's `integrations` may keep back."""

    NAMED = "named"
    """An event that says no to this destination by its name."""
    ALL = "all"
    """Whatever RudderStack keeps back: also what says no to all and does not name this destination."""
    OFF = "off"
    """Nothing."""


@dataclass(frozen=True, slots=True)
class FilterPolicy:
    """Which records are left out."""

    integrations: Integrations = Integrations.NAMED
    skip_tombstones: bool = True


DEFAULT = FilterPolicy()


def keeps_back(rule: Integrations, event: Event) -> bool:
    """Whether `event` is not to be sent. Raises EventError `invalid_event`: nested too deeply."""
    raw = event.members.get("integrations")
    if raw is None or rule is Integrations.OFF:
        return False
    if rule is Integrations.NAMED and (len(raw) < _SHORTEST_NO or b"false" not in bytes(raw)):
        return False
    if not is_object(raw):
        return rule is Integrations.ALL
    said = split(raw)
    if rule is Integrations.NAMED:
        return any(said.get(name) == _FALSE for name in _NAMES)
    return not _is_wanted(said)


def _is_wanted(said: Mapping[str, msgspec.Raw]) -> bool:
    """RudderStack's own rule; of both names the first that is there decides."""
    all_of_them = said.get("All", _TRUE)
    if all_of_them not in _BOOLEANS:
        return False
    named = next((said[name] for name in _NAMES if name in said), _NOTHING)
    if named in _BOOLEANS:
        return named == _TRUE
    return is_object(named) or all_of_them == _TRUE
