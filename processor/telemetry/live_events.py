"""What passes, as those see it who look at the live page: they ask, nothing is sent to them.

Promises: while nobody looks a delivery costs a look at one attribute, and of failures a few are kept,
so that who comes after one finds it. Who does not ask for some seconds looks no more. Nothing is
shown that `processor.core.disclosure` or the setting `live.payloads` hides.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TypedDict

from processor.core import disclosure
from processor.core.age import Age, age, known
from processor.core.dead_letter import Failure, was_letter
from processor.core.disclosure import (
    BODY_LIMIT,
    PAYLOAD_LIMIT,
    TEXT_LIMIT,
    DisclosurePolicy,
    cut,
    redacted,
)
from processor.core.request import events
from processor.errors import EventError, TransportError, WriteError
from processor.model import Answer, Headers, Record, Request, Response
from processor.telemetry.facts import Listener, Tried
from processor.telemetry.watch import FAILURES, Allowance, Batch, Entry, Filter, Happening, Watch

RECENT = 50
"""Failures that are kept for those who come later."""
REMEMBERED = 2
"""The most of them in a window."""
IDLE_SECONDS = 10.0
"""Who does not ask for so long looks no more."""


class Details(TypedDict, total=False):
    """What is known of the attempt, or of the failure, behind an entry."""

    method: str
    url: str
    request_headers: Headers
    attempts: int
    status: int
    reason: str
    message: str
    response: str
    seconds: float
    retry_in: float


class Live(Listener):
    """Everybody who looks on. `is_watched`: whether there is anybody; `now` is monotonic."""

    def __init__(
        self, policy: DisclosurePolicy, now: Callable[[], float], wall_clock: Callable[[], float]
    ) -> None:
        self.is_watched = False
        self._sight = _Sight(policy, now)
        self._now = now
        self._wall_clock = wall_clock
        self._watches: dict[str, Watch] = {}
        self._asked: dict[str, float] = {}
        self._recent: deque[Entry] = deque(maxlen=RECENT)
        self._memory = Allowance(REMEMBERED)
        self._changed: Callable[[], None] = lambda: None

    def attend(self, changed: Callable[[], None]) -> None:
        """`changed` is called when the first one comes to look, and when the last one is gone."""
        self._changed = changed

    # Who looks

    def look(self, who: str, wanted: Filter) -> Batch:
        """What `who` has seen since the last time; the first time, failures of late."""
        if who not in self._watches:
            self._watches[who] = Watch(wanted, self._recent)
        self._asked[who] = self._now()
        self._forget()
        return self._watches[who].taken()

    def unsubscribe(self, who: str) -> None:
        self._watches.pop(who, None)
        self._asked.pop(who, None)
        self._forget()

    def _forget(self) -> None:
        earliest = self._now() - IDLE_SECONDS
        for who in [who for who, asked in self._asked.items() if asked < earliest]:
            del self._watches[who], self._asked[who]
        if self.is_watched is not bool(self._watches):
            self.is_watched = not self.is_watched
            self._changed()

    # What happens

    def delivered(
        self, record: Record, request: Request | None, attempts: int, at: float, answer: Answer, _age: Age
    ) -> None:
        details = partial(self._sight.attempt, Tried(record, request, attempts, at), answer)
        self._happened(Happening.DELIVERED, record, details)

    def skipped(self, record: Record, reason: str) -> None:
        """A rule left a record out."""
        self._happened(Happening.SKIPPED, record, lambda: Details(reason=reason))

    def retried(self, tried: Tried, answer: Answer, after: float) -> None:
        """An attempt failed; another follows after so many seconds."""
        details = partial(self._sight.attempt, tried, answer, after)
        self._happened(Happening.RETRIED, tried.record, details)

    def withheld(self, tried: Tried, failure: Failure, answer: Answer | None, **_: bool) -> None:
        """A failure became no dead letter: the record waits."""
        if answer is None:
            details = partial(self._sight.failure, failure, failure.message)
        else:
            details = partial(self._sight.attempt, tried, answer)
        self._happened(Happening.HELD, tried.record, details)

    def blocked(self, record: Record, failure: Failure, _error: WriteError) -> None:
        """The dead letter of a record cannot be written now."""
        details = partial(
            self._sight.failure, failure, "its dead letter cannot be written, and is tried again"
        )
        self._happened(Happening.HELD, record, details)

    def unreported(self, record: Record, error: WriteError | None, *, is_held: bool) -> None:
        """The report of a record cannot be written now, and it waits for that."""
        if error is not None and is_held:
            details = partial(self._sight.unreported, error.reason)
            self._happened(Happening.HELD, record, details)

    def unprepared(self, record: Record, reason: str) -> None:
        """What it takes to make a request of a record is not to be had now."""
        details = partial(self._sight.unprepared, reason)
        self._happened(Happening.HELD, record, details)

    def dead_lettered(self, record: Record, failure: Failure, **_: bool) -> None:
        """A dead letter was acknowledged."""
        details = partial(self._sight.failure, failure, "" if failure.response else failure.message)
        self._happened(Happening.DEAD_LETTERED, record, details)

    def _happened(self, happening: Happening, record: Record, details: Callable[[], Details]) -> None:
        now = self._now()
        if self.is_watched:
            self._forget()
        wanting = [watch for watch in self._watches.values() if watch.wants(happening, now)]
        is_kept = happening in FAILURES and self._memory.takes(now)
        if not (wanting or is_kept):
            return
        entry = self._sight.entry(happening, record, self._wall_clock(), details())
        if is_kept:
            self._recent.append(entry)
        for watch in wanting:
            watch.give(entry)


class _Sight:
    """Makes entries, of what may be seen."""

    def __init__(self, policy: DisclosurePolicy, now: Callable[[], float]) -> None:
        self._policy = policy
        self._now = now

    def entry(self, happening: Happening, record: Record, at: float, details: Details) -> Entry:
        value = record.value
        kind, name = _called(value)
        return Entry(
            at=at,
            outcome=happening,
            topic=record.partition.topic,
            partition=record.partition.number,
            offset=record.offset,
            age=known(age(record.timestamp, at)),
            type=kind and self._text(kind, TEXT_LIMIT),
            name=name and self._text(name, TEXT_LIMIT),
            key=None if record.key is None else self._key(record.key),
            bytes=None if value is None else len(value),
            payload=self._payload(value),
            again=was_letter(record),
            **details,
        )

    def attempt(self, tried: Tried, answer: Answer, after: float | None = None) -> Details:
        details = self._request(tried.request)
        details["attempts"], details["seconds"] = tried.attempts, self._now() - tried.at
        if after is not None:
            details["retry_in"] = after
        if isinstance(answer, TransportError):
            details["reason"], details["message"] = answer.reason, self._text(answer.message, TEXT_LIMIT)
            return details
        return details | self._response(answer)

    def unreported(self, reason: str) -> Details:
        return Details(reason="report", message=f"it is settled, and its report cannot be written: {reason}")

    def unprepared(self, reason: str) -> Details:
        return Details(reason="preparation", message=self._text(reason, TEXT_LIMIT))

    def failure(self, failure: Failure, message: str) -> Details:
        details = self._request(failure.request)
        details["attempts"], details["reason"] = failure.attempts, failure.code
        if message:
            details["message"] = self._text(message, TEXT_LIMIT)
        return details | self._response(failure.response) if failure.response else details

    def _request(self, request: Request | None) -> Details:
        if request is None:
            return Details()
        url = self._text(self._policy.secrets.url(request.url), BODY_LIMIT)
        headers = tuple((name, self._text(value, BODY_LIMIT)) for name, value in redacted(request.headers))
        return Details(method=request.method, url=url, request_headers=headers)

    def _response(self, response: Response) -> Details:
        if not response.body:
            return Details(status=response.status)
        return Details(
            status=response.status, response=self._text(response.body.decode(errors="replace"), BODY_LIMIT)
        )

    def _payload(self, value: bytes | None) -> str | None:
        shown = disclosure.payload(value, self._policy.payloads)
        return shown and self._text(shown, PAYLOAD_LIMIT)

    def _key(self, key: bytes) -> str:
        return self._text(key[:PAYLOAD_LIMIT].decode(errors="replace"), TEXT_LIMIT)

    def _text(self, text: str, limit: int) -> str:
        """Without secrets; halves of surrogates, which UTF-8 cannot hold, as U+FFFD."""
        shown = cut(self._policy.secrets.excerpt(text, limit + 1), limit)
        return shown.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _called(value: bytes | None) -> tuple[str | None, str | None]:
    try:
        return disclosure.called(events.parse(value))
    except EventError:
        return None, None
