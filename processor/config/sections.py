"""Every setting of deliveries: its name, meaning, default and limits, section by section.

Times are seconds, sizes bytes.
"""

from typing import Literal

from pydantic import Field, field_validator

from processor.config.values.statuses import Statuses
from processor.config.values.types import Limit, RateLimit, Seconds, Section, Share, TimeLimit
from processor.core.progress.lanes import Order
from processor.core.retry import RetryPolicy


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
    credential_statuses: Statuses = Field(
        default=RetryPolicy().credential_statuses,
        description="Answers that refuse us and no event: a wrong or expired token. Events wait, and become "
        "no dead letters, until the endpoint takes us again. They come before `retried_statuses`; those of "
        "`dead_letter.always` are none, nor is an answer to an event that says itself who sends.",
        json_schema_extra={"default": [401, 407]},
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


def retry_policy(
    retry: RetrySettings,
    *,
    refusals: frozenset[int],
    conflicts: frozenset[int],
    always: frozenset[str],
    rate_limit_hints: bool,
) -> RetryPolicy:
    """What answers mean. `refusals`: of who we are; `conflicts`: with an attempt that is still worked on.

    What is `always` to be a dead letter holds nothing.
    """
    said = retry.model_dump()
    said["credential_statuses"] |= refusals
    said["credential_statuses"] -= {int(each) for each in always if each.isdecimal()}
    said["retried_statuses"] |= conflicts
    return RetryPolicy(**said, rate_limit_hints=rate_limit_hints)
