"""Static headers: those that every request carries, and what keeps one from being sent.

Promise: all that is wrong is told at once, by names and never by values; by its number where a name has
a character that none may have, since then it may be half of a value.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from processor.config.sources.references import WAYS
from processor.config.values.types import fault_of_text
from processor.core.credentials import is_secret_header
from processor.core.request.headers import TOKEN, belongs_to_connection
from processor.core.request.templates.texts import is_template
from processor.core.request.transform import RequestPolicy, Transform
from processor.errors import EventError


def faults(headers: Mapping[str, Any]) -> list[str]:
    """What is wrong with the headers, one by one and together; a `SecretStr` is taken as it is."""
    alone = (
        _fault_of_form(name, value, number) or _fault(name, value)
        for number, (name, value) in enumerate(headers.items(), 1)
    )
    return [*filter(None, alone), *_given_twice(headers)]


def _fault_of_form(name: str, said: Any, number: int) -> str:
    if said is None:
        return f"header {number} has no value: give it one, or put a value that holds a comma into quotes"
    if not TOKEN.fullmatch(name):
        return f"header {number}: a header name is empty or has a character it may not have"
    if isinstance(said, list | dict):
        return f"{name} must be text, {WAYS}"
    return ""


def _fault(name: str, said: Any) -> str:
    value = said.get_secret_value() if isinstance(said, SecretStr) else str(said)
    if belongs_to_connection(name) and name.lower() != "host":
        return f"{name} belongs to the connection and cannot be set"
    if isinstance(said, str) and is_template(said):
        return ""
    if not value.strip() and is_secret_header(name):
        return f"{name} is empty: give the secret, or leave the header out"
    if value.isprintable() and (fault := fault_of_text(said)):
        return f"{name} {fault}"
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"{name!r}: its value is no UTF-8 text"
    try:
        Transform(RequestPolicy("http://localhost", headers=((name, value),)))
    except EventError as error:
        return f"{name!r}: {error.message}"
    return ""


def _given_twice(names: Mapping[str, Any]) -> Iterator[str]:
    spelt: dict[str, str] = {}
    for name in names:
        first = spelt.setdefault(name.lower(), name)
        if first != name:
            yield f"{first} and {name} are one header: give it once"
