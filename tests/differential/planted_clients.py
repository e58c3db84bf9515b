"""Clients with one fault each, which the differential test has to find."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any, cast

from aiohttp import ClientResponse, StreamReader, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage

from processor.errors import TransportError
from processor.model import Answer, Headers, Request, Response
from processor.web.client import MAX_BODY, Client
from tests.differential.differential import LATE, SECONDS, Making
from tests.differential.session import SessionClient

Answered = Callable[[Answer], None]


class _Changed(Client):
    """Ours, whose answers pass through `changed`."""

    def send(
        self,
        request: Request,
        answered: Answered,
        deadline: float | None = None,
        headers: Headers | None = None,
    ) -> Callable[[], None]:
        """As ours, but for the answer."""
        return super().send(request, lambda answer: self.tell(answer, answered), deadline, headers)

    def tell(self, answer: Answer, answered: Answered) -> None:
        """Hand on the answer."""
        answered(self.of_response(answer) if isinstance(answer, Response) else self.of_failure(answer))

    def of_response(self, answer: Response) -> Answer:
        """What becomes of an answer."""
        return answer

    def of_failure(self, failure: TransportError) -> Answer:
        """What becomes of none."""
        return failure


class ForgetsRetryAfter(_Changed):
    """Never says when to come back."""

    def of_response(self, answer: Response) -> Answer:
        """Without Retry-After."""
        return answer._replace(retry_after=None)


class CutsTheLastByte(_Changed):
    """Has a limit that is one byte too low."""

    def of_response(self, answer: Response) -> Answer:
        """Without what is at the limit."""
        return answer._replace(body=answer.body[: MAX_BODY - 1])


class Inflates(_Changed):
    """Unpacks a body that may be a bomb."""

    def of_response(self, answer: Response) -> Answer:
        """Unpacked."""
        return (
            answer._replace(body=gzip.decompress(answer.body)) if answer.body[:2] == b"\x1f\x8b" else answer
        )


class TakesLargeForMalformed(_Changed):
    """Does not know one failure from the other."""

    def of_failure(self, failure: TransportError) -> Answer:
        """With another reason."""
        return TransportError("malformed", "") if failure.reason == "too_large" else failure


class AnswersTwice(_Changed):
    """Answers again, when the answer was none."""

    def tell(self, answer: Answer, answered: Answered) -> None:
        """Once or twice."""
        super().tell(answer, answered)
        if isinstance(answer, TransportError):
            super().tell(answer, answered)


class ForgetsToAnswer(_Changed):
    """Says nothing when headers are too large."""

    def tell(self, answer: Answer, answered: Answered) -> None:
        """Or not."""
        if not isinstance(answer, TransportError) or answer.reason != "too_large":
            super().tell(answer, answered)


class AnswersLate(_Changed):
    """Needs longer than it may to find out that headers are too large."""

    delay = SECONDS + 1.5 * LATE
    reason = "too_large"

    def tell(self, answer: Answer, answered: Answered) -> None:
        """At once or late."""
        is_late = isinstance(answer, TransportError) and answer.reason == self.reason
        asyncio.get_running_loop().call_later(self.delay * is_late, super().tell, answer, answered)


class WaitsTillTheEnd(AnswersLate):
    """Finds out what is malformed when the time is over."""

    delay = SECONDS
    reason = "malformed"


class AnswersForAnother(_Changed):
    """Gives the answer before to whoever asks next."""

    _before: Answer | None = None

    def tell(self, answer: Answer, answered: Answered) -> None:
        """The one before."""
        self._before, told = answer, self._before or answer
        answered(told)


class HasNoLimit(SessionClient):
    """Reads a body however long it is."""

    async def read(self, response: ClientResponse) -> Answer:
        """With all of the body."""
        answer = await super().read(response)
        if not isinstance(answer, Response) or len(answer.body) < MAX_BODY:
            return answer
        return answer._replace(body=answer.body + await response.content.read())


class TakesTheLastRetryAfter(SessionClient):
    """Believes the last of several."""

    async def read(self, response: ClientResponse) -> Answer:
        """With the last value."""
        answer = await super().read(response)
        if not isinstance(answer, Response) or not answer.retry_after:
            return answer
        return answer._replace(retry_after=response.headers.getall("Retry-After")[-1][:128])


class _Wired(SessionClient):
    """aiohttp's session on other connections."""

    protocol: type[ResponseHandler]

    def connector(self, *, limit: int, keepalive_timeout: float) -> TCPConnector:
        """One that makes them."""
        made = super().connector(limit=limit, keepalive_timeout=keepalive_timeout)
        made._factory = cast(Any, lambda: self.protocol(asyncio.get_running_loop()))
        return made


class _InterimTaken(ResponseHandler):
    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        head, body = data
        if 100 <= head.code < 200 and head.code != 101:
            head = RawResponseMessage(
                head.version,
                299,
                head.reason,
                head.headers,
                head.raw_headers,
                should_close=head.should_close,
                compression=None,
                upgrade=False,
                chunked=False,
            )
        super().feed_data((head, body), size)


class TakesAnInterimAnswer(_Wired):
    """Is content with a 100."""

    protocol = _InterimTaken


class _Kept(ResponseHandler):
    @property
    def should_close(self) -> bool:
        return self._exception is not None


class KeepsWhatShallClose(_Wired):
    """Does not read `Connection: close`."""

    protocol = _Kept


class _NotKept(ResponseHandler):
    @property
    def should_close(self) -> bool:
        return True


class KeepsNothing(_Wired):
    """Has a new connection for every request."""

    protocol = _NotKept


PLANTED: tuple[tuple[Making, str], ...] = (
    (ForgetsRetryAfter, "answer"),
    (CutsTheLastByte, "answer"),
    (Inflates, "answer"),
    (TakesLargeForMalformed, "answer"),
    (HasNoLimit, "answer"),
    (TakesTheLastRetryAfter, "answer"),
    (TakesAnInterimAnswer, "answer"),
    (WaitsTillTheEnd, "waiting"),
    (KeepsWhatShallClose, "kept"),
    (KeepsNothing, "kept"),
    (AnswersTwice, "not one answer"),
    (ForgetsToAnswer, "not one answer"),
    (AnswersLate, "too late"),
    (AnswersForAnother, "another's body"),
    (SessionClient, "the next has another's answer"),
    (SessionClient, "does not stand"),
)
"""Each with how its fault shows. aiohttp's own session is one of them."""
