"""What operators see, and where: the admin port, the live page, the log.

Each setting with its name, meaning, default and limits.
"""

import re
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from processor.config.values.types import Section, Texts, or_reference
from processor.core.disclosure import Payloads
from processor.core.request.host_names import NAME, is_place

_TOKEN = re.compile(r"[!-~]{16,}")


class AdminSettings(Section):
    """The port for operators: metrics, probes and the live page."""

    host: str = Field(
        "::",
        description="The address to listen on; `::` or none: all, of IPv6 and IPv4; `0.0.0.0`: all of IPv4.",
    )
    port: int = Field(8080, ge=0, le=65535, description="The port; 0: any free one, named in the log.")
    token: SecretStr | None = Field(
        None,
        json_schema_extra=or_reference,
        description="If set, `/metrics` and what `/live` shows are given to those who send it as a bearer "
        "token; probes need none. At least 16 visible characters.",
    )
    allowed_hosts: Texts = Field(
        default_factory=list,
        description="Without a token: names under which `/live` shows events, beside addresses, names "
        "without a full stop and those that end in `.svc`, `.local`, `.localhost` or `.internal`.",
    )

    @field_validator("host")
    @classmethod
    def _is_an_address_or_name(cls, host: str) -> str:
        if not is_place(host):
            raise ValueError(
                f"{host[:253]!r} is no address to listen on: write an address or a name of this machine, "
                "such as `0.0.0.0` or `::1`, without scheme and port"
            )
        return host

    @field_validator("allowed_hosts")
    @classmethod
    def _are_names(cls, names: list[str]) -> list[str]:
        if wrong := [name for name in names if not NAME.fullmatch(name)]:
            raise ValueError(
                f"{', '.join(map(repr, wrong))} is no name: write `live.example.com`, without scheme and port"
            )
        return [name.lower() for name in names]

    @field_validator("token")
    @classmethod
    def _is_long_and_can_be_sent(cls, token: SecretStr | None) -> SecretStr | None:
        if token and not _TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError(
                "needs at least 16 characters, all visible ASCII; `openssl rand -hex 32` makes one"
            )
        return token


class LiveSettings(Section):
    """The page that shows events as they pass."""

    enabled: bool = Field(True, description="Whether there is `/live` on the admin port.")
    payloads: Payloads = Field(
        Payloads.NONE,
        description="How much of an event's content it shows: `none`, `masked` (names of members, values "
        "hidden) or `full`.",
    )


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severity to write."
    )
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="`auto`: text on a terminal, else JSON."
    )
