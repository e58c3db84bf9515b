"""Refusals: why librdkafka does not take an option, in words for who wrote it.

Promise: an option that has a setting is named by the setting, every other as it was written. No value is
repeated.
"""

import re
from collections.abc import Callable, Mapping

from processor.client_options import SETTING_OF
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
_THAN: Mapping[str, str] = {">=": "not be below", "greater than": "be above"}
_SHAPES: tuple[tuple[str, Callable[[str, re.Match[str]], str]], ...] = (
    (
        rf'No such configuration property: "(?P<name>{_OPTION})',
        lambda name, _: f"{name or 'an option without a name'} is no option of librdkafka: {_DOCUMENT}",
    ),
    (
        rf'Configuration property "(?P<name>{_OPTION})" value .*is outside allowed range (?P<range>[0-9.-]+)',
        lambda name, found: f"{name} must be from {found['range'].replace('..', ' to ')}",
    ),
    (
        rf'Expected bool value for "(?P<name>{_OPTION})"',
        lambda name, _: f"{name} must be true or false",
    ),
    (
        rf'Invalid value .*for configuration property "(?P<name>{_OPTION})"',
        lambda name, _: f"{name} cannot have this value: {_DOCUMENT} that it can",
    ),
    (
        "`(?P<name>fetch.max.bytes)` must be >= `message.max.bytes`",
        lambda name, _: f"{name} must not be below {CONSUMED_BYTES}",
    ),
    (
        rf"`(?P<name>{_OPTION})` ?must be (?P<than>>=|greater than) `(?P<other>{_OPTION})`(?P<more>[ +0-9]*)",
        lambda name, found: f"{name} must {_THAN[found['than']]} {_named(found['other'])}{found['more']}",
    ),
    (
        rf"(?P<name>ssl\.ca\.(location|pem)) failed|failed to read certificate #0 from (?P<pem>{_OPTION})",
        lambda name, _: f"{name} holds no certificate that can be read: give it as PEM",
    ),
    (
        r"(?P<name>ssl\.certificate\.(location|pem)) failed",
        lambda name, _: f"{name} holds no certificate that can be read: give it as PEM, then its chain",
    ),
    (
        r"(?P<name>ssl\.key\.(location|pem)) failed",
        lambda name, _: (
            f"{name} holds no private key that can be read: give it as PEM; is the password right?"
        ),
    ),
    (
        r"Failed to load OpenSSL provider",
        lambda _name, _: (
            "ssl.providers names one that cannot be loaded: name those of this machine's OpenSSL"
        ),
    ),
    (rf"(?P<name>{_OPTION}) failed: error", lambda name, _: f"{name} cannot be used as it is"),
)


def refusal(text: str, path: str, written: str) -> Problem:
    """What `text` means of an option of the section `path`; `written`: the option there that it names."""
    place = f"{path}.client" if written else path
    for shape, told in _SHAPES:
        if found := re.search(shape, text):
            groups = found.groupdict()
            name = groups.get("name") or groups.get("pem") or ""
            called = written if ALIASES.get(written, written) == name else _named(name)
            message = told(called, found)
            is_setting = name in SETTING_OF and called != written
            return (
                Problem(called, message.removeprefix(f"{called} ")) if is_setting else Problem(place, message)
            )
    return Problem(place, f"librdkafka does not take {written or 'its options'}: {text}")


def _named(option: str) -> str:
    """An option as the operator says it."""
    return SETTING_OF.get(option, option)
