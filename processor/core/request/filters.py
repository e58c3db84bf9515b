"""Which events are not for this destination, by what they say themselves.

Promises: an event without `integrations`, or with `{"All":true}` as most have it, is not looked into; a rule
looks into the members that it is about and no others, and a rule that is not given costs nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec

from processor.core.request.events import Event, decode, is_object, split, text_of
from processor.core.request.templates.condition import Condition
from processor.core.request.templates.scope import Scope, Vocabulary

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
class Consent:
    """What one provider's consent is asked for; `any_of_them`: one that is not denied is enough."""

    ids: tuple[str, ...]
    any_of_them: bool = False


@dataclass(frozen=True, slots=True)
class ConsentPolicy:
    """Consents that this destination needs, by provider, and those of RudderStack's two older settings."""

    providers: Mapping[str, Consent] = field(default_factory=dict)
    one_trust_categories: tuple[str, ...] = ()
    ketch_purposes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FilterPolicy:
    """Which records are left out.

    `types` None: of all types; `allowed_events` None: of all names; `when` None: whatever they say.
    """

    integrations: Integrations = Integrations.NAMED
    skip_tombstones: bool = True
    types: tuple[str, ...] | None = None
    allowed_events: tuple[str, ...] | None = None
    denied_events: tuple[str, ...] = ()
    consent: ConsentPolicy | None = None
    when: str | None = None


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


class Selection:
    """What is given of a policy beside `integrations`.

    Raises UnusableTemplateError if `when` cannot be used.
    """

    def __init__(self, policy: FilterPolicy, vocabulary: Vocabulary) -> None:
        self._types = None if policy.types is None else frozenset(policy.types)
        allowed = policy.allowed_events
        self._allowed = None if allowed is None else frozenset(map(str.strip, allowed))
        self._denied = frozenset(map(str.strip, policy.denied_events))
        self._has_names = self._allowed is not None or bool(self._denied)
        self._consent = policy.consent
        self._condition = None if policy.when is None else Condition(policy.when, vocabulary)

    @classmethod
    def by(cls, policy: FilterPolicy, vocabulary: Vocabulary) -> "Selection | None":
        """The selection; None: all events are for this destination."""
        rest = FilterPolicy(policy.integrations, policy.skip_tombstones)
        return None if policy == rest else cls(policy, vocabulary)

    def leaves_out(self, scope: Scope) -> str:
        """Why an event is not for this destination, as a word of a closed set, or "".

        Raises EventError `invalid_event`: `when` cannot be worked out, or it is nested too deeply.
        """
        if self._types is not None and text_of(scope.members().get("type")) not in self._types:
            return "filter"
        if self._has_names and not self._is_named(scope.members()):
            return "filter"
        if self._consent is not None and is_denied(self._consent, scope.members()):
            return "consent"
        if self._condition is not None and not self._condition.holds(scope):
            return "filter"
        return ""

    def _is_named(self, members: Mapping[str, msgspec.Raw]) -> bool:
        """By its name only who has one: a track event, or one without a type."""
        kind = members.get("type")
        name = (text_of(members.get("event")) or "").strip()
        if not name or (kind is not None and text_of(kind) != "track"):
            return True
        return name not in self._denied and (self._allowed is None or name in self._allowed)


def is_denied(policy: ConsentPolicy, members: Mapping[str, msgspec.Raw]) -> bool:
    """Whether an event's consent keeps it from this destination, by RudderStack's rule."""
    context = members.get("context")
    raw = split(context).get("consentManagement") if is_object(context) else None
    said: Any = decode(raw) if is_object(raw) else {}
    ids = said.get("deniedConsentIds")
    denied = {each for each in ids if isinstance(each, str) and each} if isinstance(ids, list) else set()
    if not denied:
        return False
    provider = said.get("provider") or ""
    if isinstance(provider, str) and (needed := policy.providers.get(provider)) and needed.ids:
        either = needed.any_of_them if provider == "custom" else said.get("resolutionStrategy") == "or"
        return _lacks(needed.ids, denied, either=either)
    if provider in ("", "oneTrust") and policy.one_trust_categories:
        return _lacks(policy.one_trust_categories, denied, either=False)
    if provider in ("", "ketch") and policy.ketch_purposes:
        return _lacks(policy.ketch_purposes, denied, either=True)
    return False


def _lacks(needed: Sequence[str], denied: set[str], *, either: bool) -> bool:
    missing = [each in denied for each in needed]
    return all(missing) if either else any(missing)
