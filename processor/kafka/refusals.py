"""Refusals: why librdkafka does not take an option, in words for who wrote it.

Promise: an option that has a setting is named by the setting, every other as it was written. No value is
repeated.
"""

import re
from collections.abc import Mapping

from processor.config.values.client_options import SETTING_OF
from processor.errors import Problem

ALIASES: Mapping[str, str] = {
    "compression.type": "compression.codec",
    "delivery.timeout.ms": "message.timeout.ms",
    "linger.ms": "queue.buffering.max.ms",
    "max.in.flight": "max.in.flight.requests.per.connection",
    "max.message.bytes": "message.max.bytes",
    "retries": "message.send.max.retries",
}
"""Options that librdkafka calls by another name than they may be written by."""

CONSUMED_BYTES = 1000
"""The consumer's `message.max.bytes`: a producer's, which would only forbid fetches below it."""
_DOCUMENT = "librdkafka's CONFIGURATION.md lists all"
_OPTION = "[A-Za-z0-9_.]*"
_SHAPES = (
    (
        f'No such configuration property: "(?P<name>{_OPTION})',
        f"{{name}} is no option of librdkafka: {_DOCUMENT}",
    ),
    (
        f'Configuration property "(?P<name>{_OPTION})" value .*range (?P<least>[0-9-]+)..(?P<most>.+)',
        "{name} must be from {least} to {most}",
    ),
    (f'Expected bool value for "(?P<name>{_OPTION})"', "{name} must be true or false"),
    (
        f'Invalid value .*for configuration property "(?P<name>{_OPTION})"',
        f"{{name}} cannot have this value: {_DOCUMENT} that it can",
    ),
    (
        "`(?P<name>fetch.max.bytes)` must be >= `message.max.bytes`",
        f"{{name}} must not be below {CONSUMED_BYTES}",
    ),
    (
        f"`(?P<name>{_OPTION})` ?must be >= `(?P<other>{_OPTION})`(?P<more>[ +0-9]*)",
        "{name} must not be below {other}{more}",
    ),
    (f"`(?P<name>{_OPTION})` must be greater than `(?P<other>{_OPTION})`", "{name} must be above {other}"),
    (
        f"(?P<name>ssl.ca.(location|pem)) failed|failed to read certificate #0 from (?P<pem>{_OPTION})",
        "{name} holds no certificate that can be read: give it as PEM",
    ),
    (
        "(?P<name>ssl.certificate.(location|pem)) failed",
        "{name} holds no certificate that can be read: give it as PEM, then its chain",
    ),
    (
        "(?P<name>ssl.key.(location|pem)) failed",
        "{name} holds no private key that can be read: give it as PEM; is the password right?",
    ),
    (
        "Failed to load OpenSSL provider",
        "ssl.providers names one that cannot be loaded: name those of this machine's OpenSSL",
    ),
    (f"(?P<name>{_OPTION}) failed: error", "{name} cannot be used as it is"),
)
"""What librdkafka says, and what we say in place of it."""


def refusal(text: str, path: str, written: str) -> Problem:
    """What `text` means of an option of the section `path`; `written`: the option there that it names."""
    place = f"{path}.client" if written else path
    for shape, told in _SHAPES:
        if found := re.search(shape, text):
            parts = {part: said or "" for part, said in found.groupdict().items()}
            name = parts.get("name") or parts.get("pem", "")
            called = written if ALIASES.get(written, written) == name else _named(name)
            said = {"name": called or "an option without a name", "other": _named(parts.get("other", ""))}
            message = told.format_map(parts | said)
            if name in SETTING_OF and called != written:
                return Problem(called, message.removeprefix(f"{called} "))
            return Problem(place, message)
    return Problem(place, f"librdkafka does not take {written or 'its options'}: {text}")


def _named(option: str) -> str:
    """An option as the operator says it."""
    return SETTING_OF.get(option, option)
