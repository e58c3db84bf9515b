"""Choices: settings that are one of some words, where more spellings than one are meant for the same."""

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from processor.core.request.filters import Integrations
from processor.core.request.transform import Method


def _off(value: Any) -> Any:
    """`off` as YAML 1.1 reads it, and what it may come out as where it passes through a chart."""
    return "off" if value is False or value == "false" else value


def _in_any_case(method: Any) -> Any:
    return (method.upper() or "POST") if isinstance(method, str) else method


_METHODS = "|".join("".join(f"[{c}{c.lower()}]" for c in each) for each in Method)
AnyMethod = Annotated[
    Method,
    BeforeValidator(_in_any_case),
    WithJsonSchema(
        {"anyOf": [{"enum": [*map(str, Method)]}, {"type": ["string"], "pattern": f"^({_METHODS})?$"}]}
    ),
]
IntegrationsRule = Annotated[
    Integrations, BeforeValidator(_off), WithJsonSchema({"enum": [*map(str, Integrations), "false", False]})
]
