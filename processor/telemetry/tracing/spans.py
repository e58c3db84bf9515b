"""Spans, as they are begun and ended here, whoever makes them."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Protocol

from processor.core.request.tracing.trace_context import TraceContext

Attributes = Mapping[str, str | int]


class Kind(Enum):
    """What a span is about."""

    CONSUMER = "consumer"
    CLIENT = "client"


class Span(Protocol):
    """One that has begun. Times are timestamps, in seconds."""

    @property
    def context(self) -> TraceContext:
        """What is passed on of it; without text where nothing is."""
        ...

    def end(self, at: float, attributes: Attributes, error: str | None = None) -> None:
        """`error`: what it failed by, a word; None: it did not."""
        ...


class Spans(Protocol):
    """Who makes them. Raises nothing, waits for nothing."""

    def begin(
        self,
        name: str,
        kind: Kind,
        at: float,
        attributes: Attributes,
        parent: TraceContext | None,
        links: Sequence[TraceContext] = (),
    ) -> Span: ...
