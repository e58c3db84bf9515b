"""OpenTelemetry: the one door to its SDK and its exporter, OTLP over HTTP.

Promises: it is loaded when somebody asks for it, and not before; what it samples was decided already. Where
spans go, with what, and who we are there is what its own variables say (`OTEL_EXPORTER_OTLP_*`,
`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`). No proxy of the environment is used. What its libraries
write to the log is kept from it, and told as why an export failed, without the URLs in it.
"""

import logging
import re
from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from requests import Session

from processor import __version__
from processor.core.request.tracing.trace_context import TraceContext
from processor.telemetry.tracing.spans import Attributes, Kind, Span

NAME: Final = "kafka-webhook-processor"
_LONGEST_REASON: Final = 200
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"]+")
_NANOSECONDS: Final = 1_000_000_000
_KINDS: Final = {Kind.CONSUMER: trace.SpanKind.CONSUMER, Kind.CLIENT: trace.SpanKind.CLIENT}
_SAMPLED: Final = trace.TraceFlags(trace.TraceFlags.SAMPLED)


class Collector:
    """Where spans go."""

    def __init__(self) -> None:
        self._said = _Said()
        session = Session()
        session.trust_env = False
        self._exporter = OTLPSpanExporter(session=session)

    def export(self, spans: Sequence[ReadableSpan]) -> str:
        """Send them; why they were not taken, or nothing. May take as long as the exporter's time-out."""
        self._said.text = ""
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever it raises, these spans are lost and no more
            return type(error).__name__
        return "" if result is SpanExportResult.SUCCESS else self._said.text or "they were not taken"

    def stop(self) -> None:
        """Send nothing any more, and wait for nothing."""
        self._exporter.shutdown()
        self._said.let_go()


class OpenTelemetrySpans:
    """Spans of the SDK; `ended` gets each when it ends."""

    def __init__(self, ended: Callable[[ReadableSpan], None]) -> None:
        ours = Resource({"service.name": NAME, "service.version": __version__})
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=ours.merge(OTELResourceDetector().detect()),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(_Handing(ended))
        self._tracer = provider.get_tracer(NAME, __version__)

    def begin(
        self,
        name: str,
        kind: Kind,
        at: float,
        attributes: Attributes,
        parent: TraceContext | None,
        links: Sequence[TraceContext] = (),
    ) -> Span:
        """One that has begun at that time, in the trace of `parent`, or in one of its own."""
        span = self._tracer.start_span(
            name,
            context=trace.set_span_in_context(_as_span(parent)),
            kind=_KINDS[kind],
            attributes=attributes,
            links=[trace.Link(_as_context(each)) for each in links],
            start_time=_at(at),
            record_exception=False,
            set_status_on_exception=False,
        )
        return _Begun(span)


class _Begun:
    """One span of the SDK; its context has no text where there is none."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        context = span.get_span_context()
        text = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        # Not valid is what a SDK gives that its own variables switch off.
        self.context = TraceContext(text if context.is_valid else "", context.trace_state.to_header())

    def end(self, at: float, attributes: Attributes, error: str | None = None) -> None:
        for name, value in attributes.items():
            self._span.set_attribute(name, value)
        if error is not None:
            self._span.set_attribute("error.type", error)
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end(_at(at))


class _Handing(SpanProcessor):  # type: ignore[misc]
    """Hands over what has ended."""

    def __init__(self, ended: Callable[[ReadableSpan], None]) -> None:
        self._ended = ended

    def on_end(self, span: ReadableSpan) -> None:
        self._ended(span)


class _Said(logging.Handler):
    """What the libraries say; the latest of it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""
        self._loggers = [logging.getLogger(name) for name in ("opentelemetry", "urllib3", "requests")]
        for logger in self._loggers:
            logger.addHandler(self)
            logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        self.text = _URL.sub("…", " ".join(record.getMessage().split()))[:_LONGEST_REASON]

    def let_go(self) -> None:
        for logger in self._loggers:
            logger.removeHandler(self)
            logger.propagate = True


def _as_context(context: TraceContext) -> trace.SpanContext:
    state = trace.TraceState.from_header([context.state]) if context.state else None
    return trace.SpanContext(
        context.trace_id, context.span_id, is_remote=True, trace_flags=_SAMPLED, trace_state=state
    )


def _as_span(context: TraceContext | None) -> trace.Span:
    return trace.INVALID_SPAN if context is None else trace.NonRecordingSpan(_as_context(context))


def _at(seconds: float) -> int:
    return int(seconds * _NANOSECONDS)
