"""What settings are made of: how lists, mappings, topics, hosts, networks, statuses and seconds are written.

Promise: no text holds a control character, and none a placeholder that somebody was to fill in. A secret
that comes from a variable or a file (here: a `SecretStr`) is taken as it is, whatever it resembles.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from processor.config.sources.documents import DocumentError, read
from processor.core.record.metadata import is_content_type
from processor.core.request.address import network
from processor.core.request.endpoint import is_allowable
from processor.core.request.headers import TOKEN, belongs_to_connection
from processor.core.topic_patterns import fault_of

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_PLACEHOLDER = re.compile(
    r"\{\{.*?\}\}|\$\{[A-Za-z_][\w.:-]*\}|\$\([A-Za-z_]\w*\)|(?<!\S)<[A-Za-z][A-Za-z0-9 _-]*>(?!\S)",
    re.DOTALL,
)
_SHAPES = {"{{": "{{…}}", "${": "${…}", "$(": "$(…)"}
_SERVER = re.compile(
    r"((?i:plaintext|ssl|sasl_plaintext|sasl_ssl)://)?([\w.-]+|\[(?P<address>[0-9A-Fa-f:.]+)\])(:(?P<port>[0-9]{1,5}))?"
)
_TOPIC = re.compile("[A-Za-z0-9._-]{1,249}")


def fault_of_text(text: str | SecretStr, *, may_have_lines: bool = False) -> str:
    """What keeps a text from being meant as it stands, or nothing; the text is not repeated."""
    if isinstance(text, SecretStr):
        return _fault_of_characters(text.get_secret_value(), may_have_lines=may_have_lines)
    return _fault_of_characters(text, may_have_lines=may_have_lines) or _unfilled(text)


def _fault_of_characters(text: str, *, may_have_lines: bool) -> str:
    control = _CONTROL.search(text)
    if control and not (may_have_lines and control[0] in "\r\n\t"):
        place = f"U+{ord(control[0]):04X} at character {control.start() + 1}"
        return f"holds a control character, {place}: take it out"
    return ""


def _unfilled(text: str) -> str:
    shapes = dict.fromkeys(_SHAPES.get(found[0][:2], "<…>") for found in _PLACEHOLDER.finditer(text))
    if not shapes:
        return ""
    noun = "placeholder" if len(shapes) == 1 else "placeholders"
    return (
        f"holds the {noun} {' and '.join(shapes)}, which nothing fills in: write what it stands for; a "
        "secret that is so spelt is taken as it is from a variable or a file"
    )


def items(value: Any) -> Any:
    """A list written as one text: with commas, or as JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            return [item if isinstance(item, str) else json.dumps(item) for item in json.loads(value)]
    return [item.strip() for item in value.split(",") if item.strip()]


def _topic_items(value: Any) -> Any:
    """Topics written as one text: a comma inside the brackets of a pattern is the pattern's."""
    if not isinstance(value, str) or "^" not in value or value.lstrip().startswith("["):
        return items(value)
    parts, depth = [""], 0
    for character in value:
        depth += (character in "{[(") - (character in "}])")
        if depth < 0:
            break
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    if (depth > 0 and "," in parts[-1]) or (depth < 0 and "," in value):
        raise ValueError(
            "its brackets do not pair, so that commas of a pattern cannot be told from those between "
            'topics: write the list ["^…", "…"]'
        )
    return [part.strip() for part in parts if part.strip()] if depth >= 0 else [value.strip()]


def servers(text: str) -> str:
    """Brokers as librdkafka reads them, which passes over those that it cannot read."""
    said = list(enumerate((part.strip() for part in text.split(",")), 1))
    wrong = [(number, server) for number, server in said if server and not _is_server(server)]
    if wrong or not any(server for _, server in said):
        # What stands before an `@` may be a password.
        named = [f"server {n} (with user info)" if "@" in server else repr(server) for n, server in wrong]
        raise ValueError(
            f"{', '.join(named) or 'it'} is no broker: write `host:port`, several with commas, IPv6 as "
            "`[::1]:9092`"
        )
    return text


def _is_server(server: str) -> bool:
    found = _SERVER.fullmatch(server)
    if not found or not 1 <= int(found["port"] or 9092) <= 65535:
        return False
    if found["address"]:
        with suppress(ValueError):
            return bool(IPv6Address(found["address"]))
        return False
    return True


def mapping(value: Any) -> Any:
    """A mapping written as one text, as an environment variable holds it."""
    try:
        return read(value) if isinstance(value, str) else value
    except DocumentError as error:
        named = [fault.message for fault in error.faults if not fault.message.startswith("is not YAML")]
        raise ValueError("; ".join(named) or "must be a mapping, as JSON or YAML") from None


def faults_of_options(options: dict[str, Any]) -> list[str]:
    """What is wrong with options of a client one by one, by their names, or else by their numbers."""
    found = (_fault_of_option(name, value, n) for n, (name, value) in enumerate(options.items(), 1))
    return [fault for fault in found if fault]


def _fault_of_option(name: str, value: Any, number: int) -> str:
    if value is None:
        return f"option {number} has no value: give it one, or put a value that holds a comma into quotes"
    if not isinstance(value, str | int | float | SecretStr):
        return f"{name} must be text, a number, true or false"
    text = value if isinstance(value, SecretStr) else str(value)
    fault = fault_of_text(text, may_have_lines=name.endswith(".pem") or "jaas" in name)
    return fault and f"{name} {fault}"


def each_judged(judge: Callable[[str], object], texts: list[str]) -> list[str]:
    """The texts; ValueError with all that `judge` finds wrong with them one by one."""
    wrong = []
    for text in texts:
        try:
            judge(text)
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError("; ".join(dict.fromkeys(wrong)))
    return texts


def _topic(topic: str) -> None:
    if not topic.startswith("^"):
        topic_name(topic)
    elif fault := fault_of(topic):
        raise ValueError(f"{topic[:249]} {fault}")


def _topics(topics: list[str]) -> list[str]:
    each_judged(_topic, topics)
    if twice := [topic for topic in dict.fromkeys(topics) if topics.count(topic) > 1]:
        raise ValueError(f"{', '.join(twice)} is given twice: name each topic once")
    return topics


def topic_name(topic: str) -> str:
    """A topic that Kafka can have."""
    if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        raise ValueError(
            f"{topic[:249]!r} is no topic: its name has 1 to 249 letters, digits, dots, - and _; several are "
            'written a, b or as the list ["a", "b"]'
        )
    return topic


def _hosts(hosts: list[str]) -> list[str]:
    if wrong := [host for host in hosts if not is_allowable(host)]:
        raise ValueError(
            f"{', '.join(map(repr, wrong))} is no host: "
            "write `host`, `host:port` or `https://host:port`, without path or wildcard"
        )
    return hosts


def _networks(networks: list[str]) -> list[str]:
    return each_judged(network, networks)


def _file(path: Path) -> Path:
    with suppress(OSError):  # a name that no file can have
        if path.is_file():
            return path
    raise ValueError("names no file that is there: give the path of one, in this place")


def _nullable(value: Any) -> Any:
    """`null` as an environment variable has to write it."""
    return None if value == "null" else value


REFERENCE = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {way: {"type": "string", "minLength": 1} for way in ("from_env", "from_file")},
}
"""A value that stands elsewhere, as the schema for editors knows it."""


def or_reference(schema: dict[str, Any]) -> None:
    """The schema of a secret may also be that of a reference."""
    schema["anyOf"] = [*schema["anyOf"], REFERENCE]


def _content_type(text: str) -> str:
    if not is_content_type(text):
        raise ValueError("is no content type: write text/csv; charset=utf-8, say")
    return text


def _header_pattern(pattern: str) -> None:
    name = pattern.removesuffix("*")
    if "*" in name or not TOKEN.fullmatch(name or "x"):
        raise ValueError(f"{pattern[:64]!r} names no header: write a name, or its beginning with * behind it")
    if name == pattern and belongs_to_connection(name):
        raise ValueError(f"{name} belongs to the connection, and is not forwarded: leave it out")


def _header_patterns(patterns: list[str]) -> list[str]:
    return each_judged(_header_pattern, patterns)


Texts = Annotated[list[str], BeforeValidator(items)]
HeaderPatterns = Annotated[Texts, AfterValidator(_header_patterns)]
ContentType = Annotated[str, AfterValidator(_content_type)]
Nullable = BeforeValidator(_nullable)
Topics = Annotated[list[str], BeforeValidator(_topic_items), AfterValidator(_topics)]
Servers = Annotated[str, AfterValidator(servers)]
Hosts = Annotated[Texts, AfterValidator(_hosts)]
Networks = Annotated[Texts, AfterValidator(_networks)]
Scalar = Annotated[
    str | int | float | bool | SecretStr,
    WithJsonSchema({"anyOf": [{"type": ["string", "number", "boolean"]}, REFERENCE]}),
]
ClientOptions = Annotated[dict[str, Scalar], BeforeValidator(mapping)]
File = Annotated[Path, AfterValidator(_file)]
Header = Annotated[SecretStr, WithJsonSchema({"anyOf": [{"type": "string"}, REFERENCE]})]
Url = Annotated[str, WithJsonSchema({"anyOf": [{"type": "string"}, REFERENCE]})]
Seconds = Annotated[float, Field(ge=0.001, le=7 * 24 * 3600)]
Hour = Annotated[float, Field(ge=0.001, le=3600)]
Day = Annotated[float, Field(ge=0.001, le=24 * 3600)]
Limit = Annotated[int | None, Field(ge=1), BeforeValidator(_nullable)]
Share = Annotated[float, Field(gt=0, le=1)]
RateLimit = Annotated[Annotated[float, Field(ge=0.001, le=1_000_000)] | None, BeforeValidator(_nullable)]
TimeLimit = Annotated[Seconds | None, BeforeValidator(_nullable)]


class AsWritten:
    """Marks a setting whose text is code: braces, angle brackets and lines in it are meant."""


class MayHaveLines:
    """Marks a text of several lines, such as PEM."""


class Section(BaseModel):
    """A part of the settings; names that are none of it are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_meant_as_it_stands(cls, value: Any, info: ValidationInfo) -> Any:
        """Mappings are judged member by member, where their members are known."""
        marks = {type(mark) for mark in cls.model_fields[info.field_name or ""].metadata}
        judge = partial(fault_of_text, may_have_lines=MayHaveLines in marks)
        found = dict.fromkeys(filter(None, map(judge, _texts(value))))
        if found and AsWritten not in marks:
            raise ValueError("; ".join(found))
        if (
            value in ("", SecretStr(""))
            and cls.model_fields[info.field_name or ""].annotation == SecretStr | None
        ):
            raise ValueError("is empty: give the secret, or leave the setting out")
        return value


def _texts(value: Any) -> Iterator[str | SecretStr]:
    if isinstance(value, str | SecretStr):
        yield value
    elif isinstance(value, list):
        yield from (each for each in value if isinstance(each, str))
