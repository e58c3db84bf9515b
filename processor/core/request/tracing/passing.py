"""Traces in requests: what a request says of the trace that its record belongs to.

Promise: a record without headers costs no more than that question, and an event never names a trace itself
(`trace_context.NAMES` are reserved headers).
"""

from typing import Protocol

from processor.core.request.attempt_headers import AttemptHeaders
from processor.core.request.tracing.trace_context import found
from processor.model import Headers, Record, Request


class Passing:
    """What else is made for an attempt, and the trace of its record as it stands."""

    def __init__(self, others: AttemptHeaders | None) -> None:
        self._others = others

    def make(self, request: Request, record: Record, at: float, attempt: int, *, is_foreign: bool) -> Headers:
        """For every host: a trace proves nothing."""
        others = self._others
        made = () if others is None else others.make(request, record, at, attempt, is_foreign=is_foreign)
        if record.headers and (context := found(record.headers)) is not None:
            return made + context.headers()
        return made


class TraceHeaders(Protocol):
    """Who says which trace an attempt belongs to, where it is not that of the record."""

    def made(self, request: Request, record: Record, at: float, attempt: int) -> Headers:
        """For an attempt that leaves at that time, a timestamp; the first is 1. Raises nothing."""
        ...


class Traced:
    """What else is made for an attempt, and its trace."""

    def __init__(self, others: AttemptHeaders | None, traces: TraceHeaders) -> None:
        self._others = others
        self._traces = traces

    def make(self, request: Request, record: Record, at: float, attempt: int, *, is_foreign: bool) -> Headers:
        """For every host, as where it is passed on."""
        trace = self._traces.made(request, record, at, attempt)
        if self._others is None:
            return trace
        return self._others.make(request, record, at, attempt, is_foreign=is_foreign) + trace
