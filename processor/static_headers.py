"""Static headers: those that every request carries, and what keeps one from being sent.

Promise: all that is wrong is told, by names and never by values.
"""

from collections.abc import Iterator, Mapping

from processor.core.credentials import is_secret_header
from processor.core.transform import RequestPolicy, Transform, belongs_to_connection
from processor.errors import EventError
from processor.setting_types import fault_of_text


def faults(headers: Mapping[str, str]) -> list[str]:
    """What is wrong with the headers, one by one and together."""
    alone = (_fault(name, value) for name, value in headers.items())
    return [*filter(None, alone), *_given_twice(headers)]


def _fault(name: str, value: str) -> str:
    if belongs_to_connection(name) and name.lower() != "host":
        return f"{name} belongs to the connection and cannot be set"
    if not value.strip() and is_secret_header(name):
        return f"{name} is empty: give the secret, or leave the header out"
    if value.isprintable() and (fault := fault_of_text(value)):
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


def _given_twice(names: Mapping[str, str]) -> Iterator[str]:
    spelt: dict[str, str] = {}
    for name in names:
        first = spelt.setdefault(name.lower(), name)
        if first != name:
            yield f"{first} and {name} are one header: give it once"
