"""A scaffold: the first settings file, made from four answers.

Promise: whatever the answers are, either everything that is wrong with them is told, or `check` accepts the
file. What it says of settings is what they say of themselves: their descriptions and defaults. No secret
stands in it but a URL that is one, which it says; others are shown as references, in comments.
"""

import json
import re
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import chain, count
from textwrap import wrap
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from processor import __version__
from processor.config.loading import load
from processor.config.problems import fields, variable
from processor.config.settings import Settings
from processor.config.sources.documents import written
from processor.core.credentials import is_secret_url
from processor.errors import ConfigError

BROKERS, TOPICS = "kafka.bootstrap_servers", "kafka.topics"
GROUP, URL = "kafka.group_id", "destination.url"
LETTERS = "dead_letter.topic"
FLAGS = {BROKERS: "--brokers", TOPICS: "--topic", GROUP: "--group", URL: "--url"}
"""How answers are named on the command line."""

SHOWN = (
    "kafka.auto_offset_reset",
    "kafka.security_protocol",
    "kafka.ssl_ca_file",
    "kafka.sasl_mechanism",
    "kafka.sasl_username",
    "kafka.sasl_password",
    "dead_letter.budget",
    "destination.name",
    "destination.method",
    "destination.headers",
    "destination.envelope",
    "destination.request_timeout",
    "record.value",
    "record.unwrap",
    "record.schema_file",
    "schema_registry.url",
    "schema_registry.username",
    "schema_registry.password",
    "delivery.order",
    "delivery.max_in_flight",
    "delivery.rate_limit",
    "retry.max_elapsed",
    "retry.max_attempts",
    "reports.topic",
    "admin.port",
    "admin.token",
    "live.payloads",
    "log.level",
)
"""What is set most often beside the answers."""
REFERENCES: dict[str, Any] = {
    "kafka.sasl_password": {"from_env": "KAFKA_PASSWORD"},
    "destination.headers": {"Authorization": {"from_env": "WEBHOOK_AUTHORIZATION"}},
    "schema_registry.password": {"from_env": "REGISTRY_PASSWORD"},
    "admin.token": {"from_env": "ADMIN_TOKEN"},
}
"""Where secrets come from, by way of example: they have no default."""

_HEAD = f"""\
# Settings of kafka-webhook-processor {__version__}. Lines that begin with # and no space hold settings with
# their defaults: take the # away to say something else. docs/configuration.md describes all settings, tokens
# and logins (`destination.auth`) and signatures (`destination.signature`) among them, and
# `webhook-processor check --schema` prints a schema of them for editors.
"""
_TAIL = """\
# Next, each with `-c` and this file: `webhook-processor check --connect` tries everything out and sends
# nothing, `webhook-processor preview --from TOPIC` shows what records of a topic would become (without
# `--from`, events of a file), `webhook-processor run` delivers.
"""
_WHOEVER_KNOWS = (
    "Whoever knows this URL may use it: better say `url: {from_env: WEBHOOK_URL}`, and set the variable."
)
_WIDTH = 100
_LONGEST_TOPIC = 249
_NO_TOPIC = re.compile("[^A-Za-z0-9._-]")


_DLQ = ".dlq"
_OTHERS = {BROKERS: "stand-in:9092", TOPICS: "stand-in", GROUP: "stand-in", URL: "https://stand-in.invalid"}
"""What stands in for answers that are still to come."""


class Answers(NamedTuple):
    """What has to be said, as it was said: brokers, topics, the group, and the endpoint's URL."""

    brokers: str
    topics: tuple[str, ...]
    group: str
    url: str


def scaffold(answers: Answers, *judges: Callable[[Settings], object]) -> str:
    """The settings file. Raises ConfigError with everything that is wrong with the answers."""
    try:
        settings = load(None, _said(answers), *judges)
    except ConfigError as error:
        raise ConfigError(
            [each._replace(path=FLAGS.get(each.path, each.path)) for each in error.problems]
        ) from None
    kafka = settings.kafka
    said = {
        BROKERS: kafka.bootstrap_servers,
        GROUP: kafka.group_id,
        TOPICS: kafka.topics,
        LETTERS: settings.dead_letter.topic,
        URL: settings.destination.url,
    }
    sections = (_section(name, said) for name in Settings.model_fields)
    return "\n".join([_HEAD, *filter(None, sections), _TAIL])


def faults(flag: str, text: str) -> list[str]:
    """Everything that is wrong with one answer, in the words of the whole."""
    said = {flag_: _OTHERS[name] for name, flag_ in FLAGS.items()} | {flag: text}
    try:
        scaffold(Answers(said["--brokers"], (said["--topic"],), said["--group"], said["--url"]))
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def default_of(field: FieldInfo) -> Any:
    """A setting's default as a file says it."""
    extra = field.json_schema_extra
    value = extra["default"] if isinstance(extra, dict) else field.get_default(call_default_factory=True)
    return value.value if isinstance(value, Enum) else value


def _said(answers: Answers) -> dict[str, str]:
    """The answers as variables; several topics are a list, one may also be several with commas between."""
    topics = answers.topics
    said = {
        BROKERS: answers.brokers,
        TOPICS: topics[0] if len(topics) == 1 else json.dumps(topics),
        GROUP: answers.group,
        LETTERS: _letters(answers),
        URL: answers.url,
    }
    return {variable(name): text for name, text in said.items()}


def _letters(answers: Answers) -> str:
    """A topic for dead letters that is none of those that are read."""
    named = [part.strip() for topic in answers.topics for part in topic.split(",")]
    plain = [name for name in named if name and not _NO_TOPIC.search(name)]
    stem = plain[0] if plain else _NO_TOPIC.sub("-", answers.group.strip())
    endings = chain((_DLQ,), (f"{_DLQ}-{number}" for number in count(2)))
    names = (stem[: _LONGEST_TOPIC - len(ending)] + ending for ending in endings)
    return next(name for name in names if name not in named)


def _section(section: str, said: dict[str, Any]) -> str:
    """A section with what was said, and what is set most often; nothing, where there is none of it."""
    lines = [
        line
        for name, field in fields()
        if name.partition(".")[0] == section
        for line in _setting(name, field, said)
    ]
    description = Settings.model_fields[section].description
    return "\n".join([f"# {description}", f"{section}:", *lines, ""]) if lines else ""


def _setting(name: str, field: FieldInfo, said: dict[str, Any]) -> Iterator[str]:
    if name not in said and name not in SHOWN:
        return
    yield from _comment(f"{field.description}{_choices(field)}")
    leaf = name.rpartition(".")[2]
    if name in said:
        if name == URL and is_secret_url(said[name]):
            yield from _comment(_WHOEVER_KNOWS)
        yield f"  {leaf}: {written(said[name])}"
    else:
        value = REFERENCES[name] if name in REFERENCES else default_of(field)
        yield f"  #{leaf}: {written(value)}"


def _choices(field: FieldInfo) -> str:
    """What may be said, where that is one of a few words that the description does not name."""
    kinds = (field.annotation, *get_args(field.annotation))
    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    unnamed = any(word not in str(field.description) for word in words)
    return f" One of {', '.join(words)}." if unnamed else ""


def _comment(text: str) -> Iterator[str]:
    yield from (f"  # {line}" for line in wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False))
