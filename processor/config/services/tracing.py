"""Traces: what is passed on of them, and which records are followed by spans.

Promise: nothing of OpenTelemetry is loaded unless an exporter is set.
"""

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from processor.config.values.types import Nullable, Section
from processor.core.request.headers import as_read
from processor.core.request.tracing.sampling import SamplingPolicy
from processor.core.request.tracing.trace_context import NAMES
from processor.errors import ConfigError, Problem

_NEEDED = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter", "requests")
"""Asked for in this order: the parent of a module that is not there cannot be looked into."""


def _sampling(said: Any) -> Any:
    """`parent`, or a share of all."""
    text = str(said).strip()
    try:
        share = 0.0 if text == "parent" else float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise ValueError("must be `parent`, or a share of all records from 0 to 1, such as 0.01")
    return text if text == "parent" else share


class TracingSettings(Section):
    """Traces of OpenTelemetry, or of whoever speaks W3C Trace Context."""

    propagate: bool = Field(
        True,
        description="Whether requests carry the `traceparent` and `tracestate` of their record's headers, if "
        "they are valid; an event sets none itself then.",
    )
    exporter: Annotated[Literal["otlp_http"] | None, Nullable] = Field(
        None,
        description="`otlp_http`: records and attempts are spans, sent to where the variables of "
        "OpenTelemetry say (`OTEL_EXPORTER_OTLP_ENDPOINT`); needs the extra `tracing`. null: there are none.",
    )
    sampling: Annotated[
        Literal["parent"] | Annotated[float, Field(ge=0, le=1)],
        BeforeValidator(_sampling),
    ] = Field(
        "parent",
        description="Which records have spans: `parent`, those whose producer keeps their trace; or a share "
        "of all, such as `0.01`.",
    )
    max_per_second: float = Field(
        100.0, gt=0, le=10_000, description="The most records a second that have spans."
    )
    parent: Literal["record", "link"] = Field(
        "record",
        description="`record`: our spans go on with the trace of the record, and link to it; `link`: they "
        "are a trace of their own that links to it.",
    )

    def sampling_policy(self) -> SamplingPolicy:
        """Which records are followed by spans."""
        share = None if self.sampling == "parent" else float(self.sampling)
        return SamplingPolicy(share, self.max_per_second)

    def reserved_headers(self) -> frozenset[str]:
        """The names of headers that no event sets."""
        return NAMES if self.propagate else frozenset()

    def forwarded(self, patterns: Iterable[str]) -> list[str]:
        """Those of the patterns that name something else than what is passed on anyhow."""
        return [each for each in patterns if as_read(each) not in self.reserved_headers()]


def faults(tracing: TracingSettings, headers: Iterable[str]) -> list[str]:
    """What is wrong with it and the names of the headers that all requests carry."""
    return [
        f"destination.headers: {name} is that of the record, by tracing.propagate: leave one of them out"
        for name in headers
        if as_read(name) in tracing.reserved_headers()
    ]


def lacking(tracing: TracingSettings, find: Callable[[str], object | None]) -> list[Problem]:
    """What spans need and is not installed. `find`: what there is of a module, or None."""
    if tracing.exporter is None or all(map(find, _NEEDED)):
        return []
    remedy = "install the extra: pip install kafka-webhook-processor[tracing]"
    return [Problem("tracing.exporter", "needs what is not installed here", remedy)]


def refuse_unusable(tracing: TracingSettings) -> None:
    """Raise ConfigError with what spans need and is not installed."""
    if problems := lacking(tracing, find_spec):
        raise ConfigError(problems)
