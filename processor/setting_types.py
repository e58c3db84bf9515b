"""What settings are made of: how lists, mappings, hosts, networks, statuses and seconds are written."""

from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from processor.core.address import network
from processor.core.dead_letter import CODES
from processor.core.endpoint import is_host


def _items(value: Any) -> Any:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


def mapping(value: Any) -> Any:
    """A mapping written as one text, as an environment variable holds it."""
    try:
        return yaml.safe_load(value) if isinstance(value, str) else value
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ValueError("must be a mapping, as JSON or YAML") from None


def _statuses(value: Any) -> Any:
    """`[404, "5xx"]` as the statuses it names."""
    items = _items(value) if isinstance(value, (list, str)) else [value]
    return frozenset().union(*(statuses_of(str(item)) for item in items))


def statuses_of(item: str) -> frozenset[int]:
    """The statuses that `404` or `5xx` names."""
    text = item.lower()
    if len(text) == 3 and text[0] in "12345" and text[1:] == "xx":
        return frozenset(range(int(text[0]) * 100, int(text[0]) * 100 + 100))
    if text.isdecimal() and 100 <= int(text) <= 599:
        return frozenset((int(text),))
    raise ValueError(f"{text!r} is no status: write 404, or 5xx for all from 500 to 599")


def _failures(items: list[str]) -> list[str]:
    for item in items:
        try:
            _ = item in CODES or statuses_of(item)
        except ValueError as error:
            raise ValueError(f"{error}; or a kind of failure: {', '.join(CODES)}") from None
    return items


def _texts(value: Any) -> Any:
    return [str(item) if isinstance(item, int) else item for item in _items(value)]


def _scalar(value: Any) -> Any:
    if not isinstance(value, str | int | float):
        raise ValueError("must be text, a number, true or false")  # noqa: TRY004 - pydantic wants ValueError
    return value


def _hosts(hosts: list[str]) -> list[str]:
    if wrong := [host for host in hosts if not is_host(host)]:
        raise ValueError(
            f"{wrong[0]!r} is no host: write `host` or `host:port`, without scheme, path or wildcard"
        )
    return hosts


def _networks(networks: list[str]) -> list[str]:
    for each in networks:
        network(each)
    return networks


def _nullable(value: Any) -> Any:
    """`null` as an environment variable has to write it."""
    return None if value == "null" else value


Texts = Annotated[list[str], BeforeValidator(_items)]
Hosts = Annotated[Texts, AfterValidator(_hosts)]
Networks = Annotated[Texts, AfterValidator(_networks)]
Failures = Annotated[list[str], BeforeValidator(_texts), AfterValidator(_failures)]
Statuses = Annotated[frozenset[int], BeforeValidator(_statuses)]
Scalar = Annotated[str | int | float | bool, BeforeValidator(_scalar)]
ClientOptions = Annotated[dict[str, Scalar], BeforeValidator(mapping)]
Seconds = Annotated[float, Field(ge=0.001, le=7 * 24 * 3600)]
Hour = Annotated[float, Field(ge=0.001, le=3600)]
Day = Annotated[float, Field(ge=0.001, le=24 * 3600)]
Limit = Annotated[int | None, Field(ge=1), BeforeValidator(_nullable)]
Share = Annotated[float, Field(gt=0, le=1)]
RateLimit = Annotated[Annotated[float, Field(ge=0.001, le=1_000_000)] | None, BeforeValidator(_nullable)]
TimeLimit = Annotated[Seconds | None, BeforeValidator(_nullable)]


class Section(BaseModel):
    """A part of the settings; names that are none of it are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True
    )
