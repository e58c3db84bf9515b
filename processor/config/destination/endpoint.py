"""The webhook: where it is, and what it is sent.

Each setting with its name, meaning, default and limits. Times are seconds.
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from processor.config.destination.auth import AuthSettings
from processor.config.destination.proxy import ProxySettings, SocketPath
from processor.config.destination.signature import (
    NULL_IS_OFF,
    HeaderName,
    IdempotencyKeySettings,
    IdSettings,
    SignatureSettings,
)
from processor.config.destination.tls import TlsSettings
from processor.config.values.choices import AnyMethod
from processor.config.values.static_headers import faults
from processor.config.values.templates import Shape, Template, Templates, marked
from processor.config.values.types import (
    ContentType,
    Header,
    HeaderPatterns,
    Hosts,
    Limit,
    Networks,
    Nullable,
    Seconds,
    Section,
    Texts,
    TimeLimit,
    Url,
    mapping,
)
from processor.core.request.endpoint import Endpoint
from processor.core.request.templates.policy import Encoding
from processor.core.request.transform import Envelope, Method
from processor.errors import EventError


class DestinationSettings(Section):
    """The webhook."""

    name: str = Field(
        "webhook", pattern=r"^[A-Za-z0-9._-]{1,64}$", description="Its name in metrics and dead letters."
    )
    url: Url = Field(
        repr=False,
        description="The endpoint, `https://…` or `http://…`; may be `{from_env: NAME}` or "
        "`{from_file: PATH}`.",
    )
    url_is_secret: bool | None = Field(
        None,
        description="Whether whoever knows the URL may use it: then only its host is shown, but by "
        "`preview`. null: where it comes from a variable or a file, or looks like such a URL.",
    )
    method: AnyMethod = Field(
        Method.POST, description="POST, PUT, PATCH (a JSON body), GET or DELETE (a query)."
    )
    headers: Annotated[dict[str, Header], BeforeValidator(mapping)] = Field(
        default_factory=dict,
        description="Sent with every request; values may be `{from_env: NAME}` or `{from_file: PATH}`, and "
        "in the settings file templates.",
    )
    path: Template = Field(
        None,
        description="A template: appended to the path of `url`. What an event brings is percent-encoded; a "
        "segment that comes to `.`, `..` or nothing is refused.",
    )
    query: Templates = Field(
        None,
        description="Parameters by their names, the values templates: appended to `url`; with it GET and "
        "DELETE send these alone.",
    )
    body: Shape = Field(
        None,
        description="The body in its shape: lists and mappings, whose texts are templates; a lone path "
        "copies the member as it is written. null: the event, or the bytes of a `raw` value, which is also "
        "what `value` means.",
    )
    body_template: Template = Field(
        None,
        description="The body as a text with templates in it; they are escaped by what `content_type` says: "
        "XML, CSV, JSON, a form, else plain text.",
    )
    content_type: ContentType | None = Field(
        None,
        description="The `Content-Type` of the body, and of `raw` values whose records have no header "
        "`content-type`; null: that of `headers`, else `application/json`, that of a form, or for `raw` "
        "values `application/octet-stream`.",
    )
    encoding: Encoding = Field(
        Encoding.JSON, description="How the body travels: `json`, or its members as a `form`."
    )
    envelope: Annotated[Envelope | None, Nullable] = Field(
        None,
        description="`rudderstack`: members of an event (`header`, `fullPath`, `appendPath`, `request_ip`) "
        "say how it is sent, and top-level nulls are left out; `none`: its bytes are sent as they are. null: "
        "`rudderstack` for JSON values as they stand, `none` for what is taken out of something (`record`).",
    )
    secret_headers: Texts = Field(
        default_factory=list,
        description="Headers whose values are secrets, beside those that refer to a variable or a file and "
        "those named like `Authorization` or `X-Api-Key`.",
    )
    allowed_hosts: Hosts = Field(
        default_factory=list,
        description="Other hosts that an event's `fullPath` may name: `host` (scheme and port as in `url`), "
        "`host:port` (scheme as in `url`) or `https://host:port`.",
    )
    allowed_hosts_get_secrets: bool = Field(
        False,
        description="Whether `allowed_hosts` get what proves who we are: `auth`, headers that are secrets, "
        "and the client certificate of `tls`. Other headers they get in any case.",
    )
    block_private_networks: bool = Field(
        False,
        description="Whether also the configured host has to have a public address; hosts of events have to.",
    )
    allowed_networks: Networks = Field(
        default_factory=list,
        description="Networks, such as `10.1.0.0/16`, to which requests may go although they are not public.",
    )
    connect_timeout: Seconds = Field(
        5.0, description="For name look-up, connection and TLS handshake together."
    )
    request_timeout: Seconds = Field(
        10.0, description="For one attempt from its start to the end of the answer."
    )
    keepalive_timeout: Seconds = Field(
        15.0,
        description="How long an idle connection is kept; best below the endpoint's own limit.",
    )
    keepalive: bool = Field(
        True,
        description="Whether connections are used for more than one request; false: each request says "
        "`Connection: close`, for servers with fewer workers than all processes together have connections.",
    )
    max_connections: Limit = Field(
        None,
        description="The most connections to a host, and so the most requests under way to it; null: "
        "`delivery.max_in_flight`.",
    )
    connection_max_age: TimeLimit = Field(
        120.0,
        description="After so long, a fifth more or less, a connection is renewed and the host's name looked "
        "up again: moved and added servers get their share. No request is interrupted. null: never.",
    )
    auth: AuthSettings = Field(default_factory=AuthSettings, description="Who we are to the endpoint.")
    tls: TlsSettings = Field(default_factory=TlsSettings, description="TLS.")
    proxy: ProxySettings = Field(default_factory=ProxySettings, description="A forward proxy.")
    unix_socket: Annotated[SocketPath | None, Nullable] = Field(
        None,
        description="The path of a socket that the endpoint listens on: requests leave there, http or https "
        "as `url` says, whose host they name. Hosts that events name are dialled all the same.",
    )
    forward_headers: HeaderPatterns = Field(
        default_factory=list,
        description="Headers of records that requests get too: names, or beginnings such as `x-*`, in any "
        "case. They win over `headers` and an event's own.",
    )

    id: Annotated[IdSettings, NULL_IS_OFF] = Field(
        default_factory=IdSettings, description="By what receivers know an event; null: by nothing of ours."
    )
    idempotency_key: IdempotencyKeySettings = Field(
        default_factory=IdempotencyKeySettings.off,
        description="The same for endpoints that keep what they answered to a key.",
    )
    attempt_header: HeaderName | None = Field(
        None,
        description="A header with the number of the attempt, such as `webhook-attempt`: 1, and one more "
        "with each retry by this process. null: none.",
    )
    signature: SignatureSettings = Field(
        default_factory=SignatureSettings, description="How requests are signed."
    )

    @field_validator("url")
    @classmethod
    def _is_a_sendable_url(cls, url: str) -> str:
        if re.search("[{}<>]", url):
            raise ValueError(
                "holds braces or angle brackets, which no URL has, and nothing fills them in: write the "
                "URL as it is to be asked; templates go into destination.path and destination.query, and "
                "an event names a path of its own in `appendPath`"
            )
        try:
            Endpoint(url)
        except EventError as error:
            remedy = "write it as https://host:port/path; a login goes into destination.headers"
            raise ValueError(f"{error.message}: {remedy}") from None
        return url

    @field_validator("headers", mode="before")
    @classmethod
    def _are_sendable_headers(cls, said: Any) -> Any:
        headers = mapping(said)
        if isinstance(headers, dict) and (wrong := faults(headers)):
            raise ValueError("; ".join(wrong))
        return marked(headers) if isinstance(headers, dict) else headers
