"""The way to the webhook where it is not dialled itself: a proxy, or a socket of the file system.

Promise: of the environment's proxies none is followed that nobody asked for, and which stand there is said.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

from pydantic import AfterValidator, Field, SecretStr, TypeAdapter, ValidationError

from processor.config.values.types import File, Section, Texts, each_judged, or_reference
from processor.core.services.no_proxy import is_entry
from processor.errors import Problem

if TYPE_CHECKING:
    from processor.config.destination.endpoint import DestinationSettings

LONGEST_SOCKET = 107
"""Bytes of a path that a socket may have."""

_URL = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?")
_LOGIN = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)?(?:(?P<login>[^/]*)@)?(?P<rest>.*)", re.DOTALL)
_IN_HEADER = re.compile(r"[^\x00-\x1f\x7f]+")


def _url(url: str) -> str:
    if "@" in url:
        raise ValueError("holds a login: write it as destination.proxy.username and .password")
    if not _URL.fullmatch(url):
        raise ValueError(
            "is no URL of a proxy: write `http://host:port`, or `https://host:port` where it speaks TLS"
        )
    return url.rstrip("/")


def _exception(entry: str) -> None:
    if not is_entry(entry):
        raise ValueError(
            f"{entry[:253]!r} is no host: write a name, `.name` for those below it, an address or a network"
        )


def _exceptions(entries: list[str]) -> list[str]:
    return each_judged(_exception, entries)


def _socket(path: Path) -> Path:
    if not path.is_absolute() or len(str(path).encode()) > LONGEST_SOCKET:
        raise ValueError(f"is no path of a socket: it begins with / and has at most {LONGEST_SOCKET} bytes")
    if path.exists() and not path.is_socket():
        raise ValueError("names something else than a socket: give the path that the endpoint listens on")
    return path


def _username(name: str) -> str:
    if ":" in name or not _IN_HEADER.fullmatch(name):
        raise ValueError("holds a colon or a control character, which no login's name can have")
    return name


ProxyUrl = Annotated[str, AfterValidator(_url)]
Exceptions = Annotated[Texts, AfterValidator(_exceptions)]
SocketPath = Annotated[Path, AfterValidator(_socket)]


class ProxySettings(Section):
    """A forward proxy: https endpoints are reached by CONNECT, http ones are asked for by their whole URL."""

    url: ProxyUrl | None = Field(
        None, description="Where it is, `http://host:port`, or `https://host:port`; null: there is none."
    )
    username: Annotated[str, AfterValidator(_username)] | None = Field(
        None, min_length=1, description="Our login's name there."
    )
    password: SecretStr | None = Field(
        None, description="Our login's password there.", json_schema_extra=or_reference
    )
    ca_file: File | None = Field(
        None, description="Authorities to trust instead of the system's for an `https://` proxy, PEM."
    )
    no_proxy: Exceptions = Field(
        default_factory=list,
        description="Hosts that are dialled directly: a name (and all below it), `.name` (those below it), "
        "an address, a network, `host:port`, or `*`.",
    )
    trusted: bool = Field(
        False,
        description="Whether the proxy may look up names and choose addresses for us. It does, so that "
        "`allowed_hosts` and `block_private_networks` are refused with it until this is said.",
    )
    from_environment: bool = Field(
        False,
        description="Whether the proxy is that of `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY`, login and all, "
        "by the scheme of `destination.url`, with the exceptions of `NO_PROXY`. They are not followed unless "
        "this is said.",
    )


def seen(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that name a proxy."""
    words = ("https_proxy", "http_proxy", "all_proxy")
    return tuple(name for word in words for name in (word.upper(), word) if environ.get(name))


def follow_environment(destination: dict[str, Any], environ: Mapping[str, str]) -> list[Problem]:
    """Put in the proxy that the environment says, where that is asked for; what is wrong with that."""
    proxy = destination.get("proxy")
    if not isinstance(proxy, dict) or not _is_true(proxy.get("from_environment")):
        return []
    if twice := sorted(proxy.keys() & {"url", "username", "password", "no_proxy"}):
        message = "is set beside destination.proxy.from_environment"
        return [Problem(f"destination.proxy.{twice[0]}", message, "leave one of them out")]
    scheme, _, _ = str(destination.get("url", "")).strip().lower().partition("://")
    proxy.update(_said_by(environ, scheme))
    return []


def _is_true(said: Any) -> bool:
    try:
        return TypeAdapter(bool).validate_python(said)
    except ValidationError:
        return False


def _said_by(environ: Mapping[str, str], scheme: str) -> dict[str, Any]:
    """What the environment says of a proxy for URLs of a scheme, as settings; nothing where there is none."""
    found = next((environ[name] for name in _names(scheme) if environ.get(name)), "")
    if not found:
        return {}
    parts = _LOGIN.fullmatch(found.strip())
    assert parts is not None
    name, colon, password = (parts["login"] or "").partition(":")
    said: dict[str, Any] = {"url": (parts["scheme"] or "http://") + parts["rest"]}
    if name:
        said["username"] = unquote(name)
    if colon and password:
        said["password"] = SecretStr(unquote(password))
    if exceptions := environ.get("no_proxy") or environ.get("NO_PROXY"):
        said["no_proxy"] = exceptions
    return said


def _names(scheme: str) -> Iterator[str]:
    """By which variables, those first that win."""
    for word in (f"{scheme}_proxy", "all_proxy"):
        yield from (word, word.upper())


def faults(destination: "DestinationSettings") -> list[str]:
    """What is wrong with the way and the rest of the webhook's settings together."""
    proxy, found = destination.proxy, []
    if destination.unix_socket and proxy.url:
        found.append("destination.unix_socket and destination.proxy.url are two ways: leave one of them out")
    if proxy.password and not proxy.username:
        found.append("destination.proxy.password is set without destination.proxy.username: set both")
    if proxy.url and not proxy.trusted:
        found += [
            f"destination.proxy looks names up itself, so that destination.{name} cannot be kept to: leave "
            "one of them out, or set destination.proxy.trusted: true"
            for name in ("allowed_hosts", "block_private_networks")
            if getattr(destination, name)
        ]
    return found


def warnings(destination: "DestinationSettings", seen: tuple[str, ...]) -> list[str]:
    """What can be done as it is said, and is hardly meant. `seen`: variables that name a proxy."""
    proxy, found = destination.proxy, []
    if seen and not (proxy.url or proxy.from_environment):
        found.append(
            f"destination.proxy: {', '.join(seen)} of the environment {'is' if len(seen) == 1 else 'are'} "
            "not followed; destination.proxy.from_environment: true does it"
        )
    if not proxy.url and (idle := sorted(proxy.model_fields_set - {"url", "from_environment"})):
        found.append(f"destination.proxy.{idle[0]} means nothing without destination.proxy.url")
    if proxy.ca_file and (proxy.url or "").startswith("http://"):
        found.append("destination.proxy.ca_file means nothing for an http:// proxy")
    if destination.unix_socket and not destination.unix_socket.exists():
        found.append(f"destination.unix_socket: nothing is there yet: {destination.unix_socket}")
    return found


def meanings(destination: "DestinationSettings") -> list[str]:
    """What the way means where it says more than what stands there."""
    proxy = destination.proxy
    if proxy.url is None:
        none = "destination.proxy: the environment names none for destination.url, which is dialled"
        return [none] if proxy.from_environment else []
    by = ", as the environment says" if proxy.from_environment else ""
    return [f"destination.proxy: requests leave through {proxy.url}{by}"]
