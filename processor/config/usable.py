"""What of a configuration can be judged further, although some of it is wrong.

Promise: what is wrong is left out, and stood in for where something has to be there, so that all the rest
is judged in one go and nothing is told of values that nobody wrote.
"""

import re
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from processor.config.kafka import faults_of_client
from processor.config.settings import Settings
from processor.config.sources.references import UNRESOLVED
from processor.config.values.client_options import OWNED, OWNED_BY_PRODUCER
from processor.config.values.types import fault_of_text, items, mapping
from processor.core.topic_patterns import fault_of

Raw = dict[str, Any]

_STAND_INS: dict[str, Raw] = {
    "kafka": {"bootstrap_servers": "stand-in:9092", "group_id": "stand-in", "topics": ["stand-in"]},
    "dead_letter": {"topic": "stand-in.dlq"},
    "destination": {"url": UNRESOLVED},
}
_OWNED = {"kafka": OWNED, "dead_letter": OWNED_BY_PRODUCER}
_SECURES = re.compile("sasl[._]|ssl[._]|security[._]|tls$")
"""Settings and options of encryption and login: they are used together, and left out together."""
_ROUNDS = 4
"""Sections are judged as a whole once their members are right."""


def usable(said: Raw, wrong: Iterable[str]) -> tuple[Settings | None, list[ErrorDetails]]:
    """The settings without those whose paths are `wrong`, and what is wrong with the rest.

    No settings, where nothing can be made of them.
    """
    kept, found = deepcopy(said), list[ErrorDetails]()
    for _ in range(_ROUNDS):
        for path in wrong:
            _leave_out(kept, path)
        try:
            return Settings(**kept), found
        except ValidationError as error:
            more = error.errors(include_url=False)
            wrong = [".".join(map(str, each["loc"])) for each in more]
            found += more
        except TypeError:
            break
    return None, found


def _leave_out(kept: Raw, path: str) -> None:
    section, _, rest = path.partition(".")
    held = kept.pop(section, None)
    if section not in Settings.model_fields:
        return
    held = held if isinstance(held, dict) else {}
    name = rest.partition(".")[0]
    said = held.pop(name, None)
    if name == "client":
        held[name] = _allowed(said, section)
        if any(_SECURES.match(option) for option in _options(said).keys() - held[name].keys()):
            held = _unsecured(held)
    elif name == "topics" and (patterns := _patterns(said)):
        held[name] = patterns
    elif _SECURES.match(name):
        held = _unsecured(held)
    elif not name:
        held = _unsecured(held) if section == "kafka" else {}
        held.pop("bootstrap_servers", None)
    if held or section in _STAND_INS:
        kept[section] = _STAND_INS.get(section, {}) | held


def _allowed(said: Any, section: str) -> Raw:
    """The options that are right one by one."""
    return {
        name: value
        for name, value in _options(said).items()
        if value != SecretStr(UNRESOLVED) and not faults_of_client({name: value}, _OWNED[section])
    }


def _options(said: Any) -> Raw:
    try:
        options = mapping(said)
    except ValueError:
        return {}
    return options if isinstance(options, dict) else {}


def _patterns(said: Any) -> list[str]:
    topics = items(said)
    texts = [each for each in topics if isinstance(each, str)] if isinstance(topics, list) else []
    patterns = dict.fromkeys(each for each in texts if each.startswith("^") and not fault_of_text(each))
    return [each for each in patterns if not fault_of(each)]


def _unsecured(held: Raw) -> Raw:
    kept = {name: value for name, value in held.items() if not _SECURES.match(name)}
    client = kept.get("client")
    if isinstance(client, dict):
        kept["client"] = {name: value for name, value in client.items() if not _SECURES.match(name)}
    return kept
