"""Filters: which events are for this destination, as the operator says it."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

from processor.config.values.choices import IntegrationsRule
from processor.config.values.templates import Template
from processor.config.values.types import Section, Texts, items, mapping
from processor.core.request.filters import Consent, ConsentPolicy, FilterPolicy, Integrations

_TEXTS = {"type": "array", "items": {"type": "string"}}
_PROVIDER = {
    "type": "object",
    "properties": {"ids": _TEXTS, "strategy": {"enum": ["and", "or"]}},
    "additionalProperties": False,
}
_CONSENT = {
    "type": "object",
    "properties": {
        "providers": {"type": "object", "additionalProperties": {"anyOf": [_TEXTS, _PROVIDER]}},
        "one_trust_categories": _TEXTS,
        "ketch_purposes": _TEXTS,
    },
    "additionalProperties": False,
}


class ConsentSettings(BaseModel):
    """Consents that the destination needs, as RudderStack has them."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    providers: dict[str, "ProviderSettings"] = {}
    one_trust_categories: Texts = []
    ketch_purposes: Texts = []

    def policy(self) -> ConsentPolicy:
        """What is asked of an event."""
        providers = {
            name: Consent(tuple(said.ids), said.strategy == "or") for name, said in self.providers.items()
        }
        return ConsentPolicy(providers, tuple(self.one_trust_categories), tuple(self.ketch_purposes))


class ProviderSettings(BaseModel):
    """The consents of one provider; `strategy` counts for the provider `custom`, others bring their own."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    ids: Texts
    strategy: str = "and"

    @field_validator("strategy")
    @classmethod
    def _is_known(cls, said: str) -> str:
        if said not in ("and", "or"):
            raise ValueError("must be one of and, or")
        return said


def _events(said: Any) -> Any:
    said = mapping(said) if isinstance(said, str) and said.lstrip().startswith("{") else items(said)
    if isinstance(said, list):
        return {"allow": said}
    if isinstance(said, dict) and not said.keys() <= {"allow", "deny"}:
        raise ValueError("is a list of names, or has the lists `allow` and `deny`")
    return said


def _consent(said: Any) -> Any:
    said = mapping(said)
    if isinstance(said, dict) and isinstance(said.get("providers"), dict):
        providers = {
            name: each if isinstance(each, dict) else {"ids": each}
            for name, each in said["providers"].items()
        }
        return {**said, "providers": providers}
    return said


EventNames = Annotated[
    dict[str, Texts] | None,
    BeforeValidator(_events),
    WithJsonSchema(
        {
            "anyOf": [
                _TEXTS,
                {
                    "type": "object",
                    "properties": {"allow": _TEXTS, "deny": _TEXTS},
                    "additionalProperties": False,
                },
                {"type": "string"},
                {"type": "null"},
            ]
        }
    ),
]
ConsentRule = Annotated[
    ConsentSettings | None,
    BeforeValidator(_consent),
    WithJsonSchema({"anyOf": [_CONSENT, {"type": "string"}, {"type": "null"}]}),
]


class FilterSettings(Section):
    """Which events are not for this destination."""

    integrations: IntegrationsRule = Field(
        Integrations.NAMED,
        description="Which events their `integrations` keep back: `named`, where `Webhook` or `WEBHOOK` in "
        "it is false; `all`, by RudderStack's whole rule, where `All` counts too; `off`, none.",
    )
    types: Annotated[list[str] | None, BeforeValidator(items)] = Field(
        None, description="The types of event that are sent (`type`); null: all."
    )
    events: EventNames = Field(
        None,
        description="The names of the track events that are sent (`event`), as a list or as `allow`; `deny`: "
        "those that are not. Events of other types, and without a name, are not judged by it.",
    )
    consent: ConsentRule = Field(
        None,
        description="Consents that this destination needs (`providers`, `one_trust_categories`, "
        "`ketch_purposes`): an event that denies them is not sent, by RudderStack's rule.",
    )
    when: Template = Field(
        None,
        description="An expression over `event` and `record`; only events for which it is true are sent. One "
        "for which it cannot be worked out becomes a dead letter.",
    )

    def policy(self, *, skip_tombstones: bool) -> FilterPolicy:
        """Which records are left out."""
        events = self.events or {}
        allowed = events.get("allow")
        return FilterPolicy(
            self.integrations,
            skip_tombstones,
            None if self.types is None else tuple(self.types),
            None if allowed is None else tuple(allowed),
            tuple(events.get("deny", ())),
            None if self.consent is None else self.consent.policy(),
            self.when,
        )
