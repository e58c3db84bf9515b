"""Every setting of deliveries: its name, meaning, default and limits, section by section.

Times are seconds, sizes bytes.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from processor.config.values.choices import AnyMethod
from processor.config.values.static_headers import faults
from processor.config.values.statuses import Statuses
from processor.config.values.templates import (
    Shape,
    Template,
    Templates,
    marked,
)
from processor.config.values.types import (
    ContentType,
    File,
    Header,
    HeaderPatterns,
    Hosts,
    Limit,
    Networks,
    Nullable,
    RateLimit,
    Seconds,
    Section,
    Share,
    Texts,
    TimeLimit,
    Url,
    mapping,
    or_reference,
)
from processor.core.progress.lanes import Order
from processor.core.request.endpoint import Endpoint
from processor.core.request.templates.policy import Encoding
from processor.core.request.transform import Envelope, Method
from processor.core.retry import RetryPolicy
from processor.errors import EventError


class IdentitySettings(Section):
    """Whom we trust, and who we are."""

    ca_file: File | None = Field(None, description="Authorities to trust instead of the system's, PEM.")
    certificate_file: File | None = Field(None, description="Our client certificate with its chain, PEM.")
    key_file: File | None = Field(None, description="The private key of our certificate, PEM.")
    key_password: SecretStr | None = Field(
        None, description="The password of the private key.", json_schema_extra=or_reference
    )


class TlsSettings(IdentitySettings):
    """How the endpoint is recognised, and how we are."""

    server_name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.-]{1,253}$",
        description="The name that the endpoint is asked for and has to prove, where it is not that of "
        "`url`, as behind an address or a tunnel. The `Host` header is one of `destination.headers`.",
    )


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
        description="Whether `allowed_hosts` get what proves who we are: headers that are secrets, and the "
        "client certificate of `tls`. Other headers they get in any case.",
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
    tls: TlsSettings = Field(default_factory=TlsSettings, description="TLS.")
    forward_headers: HeaderPatterns = Field(
        default_factory=list,
        description="Headers of records that requests get too: names, or beginnings such as `x-*`, in any "
        "case. They win over `headers` and an event's own.",
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


class DeliverySettings(Section):
    """How events are delivered: in which order, how many at once, how much may wait."""

    order: Order = Field(Order.KEY, description="What keeps its order: `key`, `partition` or `none`.")
    concurrency: Literal["adaptive", "static"] = Field(
        "adaptive",
        description="`adaptive`: as many requests at once as are worth it; `static`: `max_in_flight`.",
    )
    max_in_flight: int = Field(
        64, ge=1, le=10_000, description="The most requests under way at once to the endpoint."
    )
    allowed_hosts_in_flight: Limit = Field(
        None,
        description="The most requests under way at once to all of `destination.allowed_hosts` together, "
        "beside `max_in_flight`; to one of them half as many. null: a quarter of `max_in_flight`.",
    )
    min_in_flight: int = Field(1, ge=1, le=10_000, description="The fewest that `adaptive` goes down to.")
    rate_limit: RateLimit = Field(None, description="Requests per second; null: no limit.")
    burst: Limit = Field(
        None, description="Requests that may leave at once after a pause; null: a tenth of `rate_limit`."
    )
    pacing: Literal["adaptive", "static"] = Field(
        "adaptive",
        description="`adaptive`: while the endpoint answers 429 or 503 to some, as many requests per second "
        "as it takes; `static`: `rate_limit` alone.",
    )
    rate_limit_hints: bool = Field(
        True, description="Whether what the endpoint says is left (`RateLimit` and the like) bounds the pace."
    )
    max_waiting_records: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="Records read and not finished; about so many, then reading pauses.",
    )
    max_waiting_bytes: int = Field(
        64 * 1024 * 1024, ge=1024, description="The same in bytes of keys, values and headers."
    )
    commit_interval: Seconds = Field(1.0, description="How often positions are committed.")
    drain_timeout: Seconds = Field(
        25.0, description="How long running requests may take to finish on a stop or when partitions move."
    )
    tombstones: Literal["skip", "dead_letter"] = Field(
        "skip", description="What becomes of records without a value."
    )


class CircuitSettings(Section):
    """When the endpoint as a whole counts as down, and how it is asked whether it is up again."""

    enabled: bool = Field(
        True,
        description="Whether an endpoint that is down is left alone but for probes. One that refuses nearly "
        "everything is in any case, once `dead_letter.budget` is used up.",
    )
    window: Seconds = Field(
        10.0, description="How far back answers count; the last `minimum_attempts` always do."
    )
    minimum_attempts: int = Field(10, ge=2, le=100_000, description="Answers needed to judge.")
    failure_rate: Share = Field(
        0.5, description="Share of failures (no connection, no answer, 5xx) from which it is down."
    )
    throttled_rate: Share = Field(0.9, description="Share of 429 from which it is down.")
    first_probe: Seconds = Field(1.0, description="The wait before the first probe; doubles with each.")
    max_probe_interval: Seconds = Field(30.0, description="The longest wait between two probes.")
    max_outage: TimeLimit = Field(
        None,
        description="After so long down, attempts count again and events may become dead letters; "
        "null: never.",
    )
    unready: bool = Field(False, description="Whether `/readyz` is red while the endpoint is down.")


class RetrySettings(Section):
    """What is tried again, how often, how long."""

    delivered_statuses: Statuses = Field(
        default=RetryPolicy().delivered_statuses,
        description="Answers that mean delivered.",
        json_schema_extra={"default": ["2xx"]},
    )
    retried_statuses: Statuses = Field(
        default=RetryPolicy().retried_statuses,
        description="Answers worth another attempt; all others are final.",
        json_schema_extra={"default": [408, 425, 429, "5xx"]},
    )
    max_attempts: Limit = Field(
        None, description="Attempts per event before it is a dead letter; null: no limit."
    )
    max_elapsed: TimeLimit = Field(
        10_800.0,
        description="Time per event from its first attempt, outages not counted, before it is a dead letter; "
        "null: no limit.",
    )
    max_age: TimeLimit = Field(
        None,
        description="Age of an event, by its timestamp, after which it is not tried again; null: no limit. "
        "An event without a timestamp, or with one that cannot be true, has no age.",
    )
    initial_backoff: Seconds = Field(
        0.5, description="The longest wait before the second attempt; doubles with each."
    )
    max_backoff: Seconds = Field(60.0, description="The longest wait between two attempts.")
    max_retry_after: Seconds = Field(300.0, description="The most that a `Retry-After` is followed.")

    @field_validator("delivered_statuses")
    @classmethod
    def _lets_something_be_delivered(cls, statuses: frozenset[int]) -> frozenset[int]:
        if not statuses:
            raise ValueError("names no status, so that nothing would ever be delivered: write 2xx")
        return statuses
