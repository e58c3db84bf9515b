"""The schema registry: where it is, who we are there, and how long it may not know an id."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from processor.config.destination.tls import IdentitySettings
from processor.config.values.types import Seconds, Section, or_reference
from processor.core.record.registry.schemas import SchemasPolicy

_URL = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)?")
_SENDABLE = re.compile(r"[!-~]([ -~]{0,4094}[!-~])?")


def _url(url: str) -> str:
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("holds a login: write it as schema_registry.username and .password")
    if not _URL.fullmatch(url) or "?" in url or "#" in url:
        raise ValueError(
            "is no URL of a service: write `https://host:port`, with its base path where it has one, such as "
            "`/apis/ccompat/v7`"
        )
    return url.rstrip("/")


def _urls(text: str) -> str:
    found = [_url(each.strip()) for each in text.split(",") if each.strip()]
    if not found:
        raise ValueError("is empty: write the registry's URL, several with commas")
    return ",".join(found)


def _sendable(text: str) -> str:
    if not _SENDABLE.fullmatch(text):
        raise ValueError("cannot be sent in a header: it has to be visible ASCII")
    return text


def _sendable_secret(secret: SecretStr) -> SecretStr:
    _sendable(secret.get_secret_value())
    return secret


Urls = Annotated[str, AfterValidator(_urls)]
ServiceUrl = Annotated[str, AfterValidator(_url)]
HeaderText = Annotated[str, AfterValidator(_sendable)]
Framing = Literal["confluent", "apicurio8", "glue"]


class OAuthSettings(Section):
    """OAuth client credentials: a token instead of a login."""

    token_url: ServiceUrl | None = Field(None, description="Where tokens are asked for.")
    client_id: str | None = Field(None, min_length=1, description="Who asks for them.")
    client_secret: SecretStr | None = Field(
        None, description="The client's secret.", json_schema_extra=or_reference
    )
    scope: str | None = Field(None, min_length=1, description="What a token is asked for, such as `a b`.")
    logical_cluster: HeaderText | None = Field(
        None, description="Confluent Cloud's registry, `lsrc-…`: sent as `target-sr-cluster`."
    )
    identity_pool: HeaderText | None = Field(
        None, description="Confluent Cloud's pool, `pool-…`: sent as `Confluent-Identity-Pool-Id`."
    )


class RegistryTlsSettings(IdentitySettings):
    """How the registry is recognised, and how we are."""


class SchemaRegistrySettings(Section):
    """The schema registry, with `record.value: registry`."""

    url: Urls | None = Field(
        None,
        description="Where it is, with its base path; several with commas are tried in turn. *Required* with "
        "`record.value: registry`.",
    )
    username: str | None = Field(None, min_length=1, description="The login's name, or an API key.")
    password: SecretStr | None = Field(
        None, description="The login's password, or the key's secret.", json_schema_extra=or_reference
    )
    token: SecretStr | None = Field(
        None, description="A bearer token instead of a login.", json_schema_extra=or_reference
    )
    oauth: OAuthSettings = Field(
        default_factory=OAuthSettings, description="OAuth client credentials instead of a login."
    )
    tls: RegistryTlsSettings = Field(default_factory=RegistryTlsSettings, description="TLS.")
    timeout: Seconds = Field(5.0, description="For one question from its start to the end of the answer.")
    missing_after: float = Field(
        60.0,
        ge=0,
        le=24 * 3600,
        description="How long an id that the registry does not know is asked for, from its first answer that "
        "it does not; then records that name it become dead letters, `unknown_schema`.",
    )
    max_schemas: int = Field(
        1000, ge=1, le=100_000, description="Schemas kept in memory, those that were used last."
    )
    framing: Framing = Field(
        "confluent",
        description="How values name their schema: `confluent`, `00` and an id of 4 bytes, or `01` and a "
        "GUID; `apicurio8`, `00` and an id of 8 bytes; `glue`, the frame of AWS Glue, whose version ids are "
        "asked for as GUIDs: Glue itself has another API and cannot be asked. Headers that name a schema "
        "count first in any case.",
    )

    def urls(self) -> tuple[str, ...]:
        """Those to be tried, without a slash at the end."""
        return tuple(filter(None, (self.url or "").split(",")))

    def in_clear(self) -> dict[str, str]:
        """Secrets that prove who we are, by their names."""
        said = {
            "password": self.password,
            "token": self.token,
            "oauth.client_secret": self.oauth.client_secret,
        }
        return {name: secret.get_secret_value() if secret else "" for name, secret in said.items()}

    def policy(self) -> SchemasPolicy:
        """How long an id may be unknown, and how many schemas are kept."""
        return SchemasPolicy(self.missing_after, self.max_schemas)


def faults(registry: SchemaRegistrySettings, *, is_used: bool) -> list[str]:
    """What cannot be together. `is_used`: values name their schemas."""
    found, oauth = [], registry.oauth
    if is_used and registry.url is None:
        found.append("record.value: registry needs schema_registry.url: give the registry's URL")
    if (registry.username is None) is not (registry.password is None):
        found.append("schema_registry.username and schema_registry.password need each other: give both")
    if ":" in (registry.username or ""):
        found.append("schema_registry.username holds a colon, at which a login ends: leave it out")
    needed = (oauth.token_url, oauth.client_id, oauth.client_secret)
    if oauth.model_fields_set and None in needed:
        found.append(
            "schema_registry.oauth needs token_url, client_id and client_secret: give all three, or none"
        )
    ways = {
        "username": registry.username is not None,
        "token": registry.token is not None,
        "oauth": any(each is not None for each in needed),
    }
    if len(said := [name for name, is_said in ways.items() if is_said]) > 1:
        found.append(f"schema_registry has {' and '.join(said)}, which exclude each other: leave one")
    return found


def meaningless(registry: SchemaRegistrySettings, *, is_used: bool) -> list[str]:
    """What is said and changes nothing."""
    if is_used or not registry.model_fields_set:
        return []
    return ["schema_registry: changes nothing without record.value: registry"]
