"""One connection: a request goes out, its answer comes back, and then the next.

Promises:
- every exchange on it ends with exactly one answer, or goes back to be tried on another connection;
- an answer is given once its head has come: what is wrong behind it only decides how much of a body
  there is, and that the connection is not used again;
- what a server says that nobody asked is never taken for an answer, nor kept: it ends the connection;
- none is used beyond its time (`expires_at`), which ends no request that is under way;
- no more is kept of a head than `MAX_HEAD` bytes, of a body than `MAX_BODY`.

Interim answers (1xx) are passed over. The grammar is llhttp's, as lenient as browsers have to be.
"""

import asyncio
import math
import ssl
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from processor.core.pace.connections import Ending
from processor.model import Answer, Response
from processor.web.answers.bodies import readable
from processor.web.answers.heads import HTTP2_ONLY, Fields, begins_http2, wants_http2, with_one_length
from processor.web.answers.quotas import quota_fields
from processor.web.exchange import Exchange
from processor.web.failures import failure, malformed, unreachable

MAX_HEAD: Final = 64 * 1024
"""Bytes of the head of an answer."""

MAX_BODY: Final = 64 * 1024
"""Bytes kept of the body of an answer; a connection with more on it is closed, not drained."""

STALE_SECONDS: Final = 1.0
"""A connection that ends within so long of a request, unanswered, may have been dead before it."""

_AT_ONCE: Final = 64 * 1024
"""A request above this may still be on its way when the answer is there."""

_HEAD_END: Final = b"\r\n\r\n"
_BARE_END: Final = b"\n\n"
_SUCCESS: Final = b"HTTP/1.1 2"


class OpenedTransport(NamedTuple):
    """A transport that was opened; `release` is to be called when it is closed.

    No request begins on it from `expires_at` on, but for the first; 0: that one is the only one.
    """

    transport: asyncio.Transport
    release: Callable[[], None]
    expires_at: float = math.inf


class Owner(Protocol):
    """Where a connection belongs."""

    def proven(self, connection: "Connection") -> None:
        """It was answered for the first time."""
        ...

    def freed(self, connection: "Connection") -> None:
        """It can take another exchange."""
        ...

    def lost(self, connection: "Connection", why: Ending) -> None: ...

    def sent_back(self, exchange: Exchange) -> None:
        """It was dead already: the exchange has not been answered, and may be tried on a new one."""
        ...


class Connection(asyncio.Protocol):
    """One connection to `host`, as long as it is open.

    `is_fresh`: it has no answer yet; `since`: when its request left, or it became idle; `took`: how long
    the latest answer did.
    """

    def __init__(self, host: str, owner: Owner, line: OpenedTransport, clock: Callable[[], float]) -> None:
        self._host = host
        self._owner = owner
        self._line = line
        self._transport = line.transport
        self._clock = clock
        self.expires_at = line.expires_at
        self._exchange: Exchange | None = None
        self._is_open = True
        self.is_fresh = self._tells = True
        self.since = clock()
        self._parser: HttpResponseParser | None = self._new_parser()
        self._clear()
        self._transport.set_protocol(self)

    def _new_parser(self) -> HttpResponseParser:
        parser = HttpResponseParser(self)
        parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        return parser

    def _clear(self) -> None:
        now = self._clock()
        self.took, self.since = now - self.since, now
        self._head = b""
        self._body = b""
        self._status = 0
        self._fault = ""
        self._is_heard = self._is_complete = self._is_spoilt = self._is_lasting = False

    # Questions and commands

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way on it."""
        return self._exchange is not None

    def unusable(self, now: float, keepalive: float) -> Ending | None:
        """Why no other exchange may begin; None: it may."""
        if not self._is_open or self._transport.is_closing():
            return Ending.SERVER
        if now >= self.expires_at and not self.is_fresh:
            return Ending.MAX_AGE
        return Ending.IDLE if now - self.since > keepalive else None

    def begin(self, exchange: Exchange) -> None:
        self._exchange = exchange
        exchange.carrier = self
        self.since = self._clock()
        self._transport.write(exchange.payload)

    def check(self, now: float) -> None:
        """Time has passed: end what takes too long."""
        if self._exchange and now >= self._exchange.deadline:
            self._conclude("answer_timeout", f"no answer from {self._host} in time", Ending.TIMEOUT)

    def end(self, answer: Answer | None = None, why: Ending = Ending.CANCELLED) -> None:
        """End the connection; what is under way on it gets `answer`, or none."""
        exchange, self._exchange = self._exchange, None
        if self._is_open:
            self._is_open = False
            if exchange:
                self._transport.abort()
            else:
                self._transport.close()
            self._owner.lost(self, why)
        if exchange and answer:
            exchange.end(answer)

    # What the loop tells

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            self._transport.abort()
            self.end(why=Ending.UNREADABLE)
            return
        self._is_heard = True
        try:
            if self._status:
                self._parse(data)
            elif not self._head and data.startswith(_SUCCESS) and len(data) <= MAX_HEAD and b"\0" not in data:
                self._head = data
                self._parse(data)
            else:
                self._read_head(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._read_anew(error)
        if self._is_complete or self._is_spoilt or len(self._body) > MAX_BODY:
            self._conclude()
        elif not self._status and len(self._head) > MAX_HEAD:
            large = failure("too_large", f"{self._host} answered with headers that are too large")
            self.end(large, Ending.UNREADABLE)

    def connection_lost(self, error: Exception | None) -> None:
        self._parser = None
        self._line.release()
        if self._is_open:
            self._is_open = False
            self._owner.lost(self, Ending.SERVER)
        if self._exchange is None:
            return
        if self._was_dead(self._exchange):
            exchange, self._exchange = self._exchange, None
            exchange.is_second_try, exchange.carrier = True, None
            self._owner.sent_back(exchange)
        elif isinstance(error, ssl.SSLError) and not self._status:
            self.end(unreachable(error, self._host))
        else:
            self._conclude("reset", f"{self._host} ended the connection before an answer", Ending.SERVER)

    def _was_dead(self, exchange: Exchange) -> bool:
        may_be = not (self.is_fresh or self._is_heard or exchange.is_second_try)
        return may_be and self._clock() - self.since < STALE_SECONDS

    # What the parser tells

    def on_message_begin(self) -> None:
        """The first byte of an answer."""
        if self._is_complete:
            self._is_spoilt = True

    def on_headers_complete(self) -> None:
        """A head is there, maybe an interim one."""
        assert self._parser
        if self._is_spoilt:
            return
        status = self._parser.get_status_code()
        if 200 <= status <= 599:
            if not self._is_complete:
                self._status, self._is_lasting = status, self._parser.should_keep_alive()
        elif status == 101 or not 100 <= status <= 199:
            self._is_spoilt, self._fault = True, f"the status {status}"

    def on_body(self, data: bytes) -> None:
        """Some of the body, which an interim answer has not."""
        if self._status and not self._is_complete:
            self._body = self._body + data if self._body else data

    def on_message_complete(self) -> None:
        """An answer is whole, maybe an interim one."""
        if self._status:
            self._is_complete = True
        else:
            self._head = b""

    def _parse(self, data: bytes | memoryview) -> None:
        assert self._parser
        self._parser.feed_data(data)

    def _read_head(self, data: bytes) -> None:
        """Head by head, so that of interim ones nothing is kept."""
        at, size = 0, len(data)
        while at < size and not self._status:
            end = self._end_of_head(data, at)
            piece = data if end == size and not at else data[at : end or size]
            at += len(piece)
            self._head = self._head + piece if self._head else piece
            if end and len(self._head) > MAX_HEAD:
                return
            if b"\0" in piece.partition(_BARE_END)[0]:
                raise HttpParserError("a NUL in the head")
            try:
                self._parse(piece)
            except HttpParserError:
                self._head += data[at:]
                raise
        if at < size:
            self._parse(memoryview(data)[at:])

    def _read_anew(self, error: Exception) -> None:
        """It is malformed, if it is not one of those that say their length several times alike."""
        mended = None if self._status or self._fault else with_one_length(self._head)
        if mended is None:
            self._is_spoilt = True
            self._fault = self._fault or malformed(error)
            return
        self._parser = self._new_parser()
        self._head = mended
        try:
            self._parse(mended)
        except (HttpParserError, HttpParserUpgrade) as again:
            self._is_spoilt = True
            self._fault = self._fault or malformed(again)

    def _end_of_head(self, data: bytes, at: int) -> int:
        """Behind the empty line, which may have begun before `data`; 0 where there is none."""
        begun = self._head[-3:]
        if begun and (end := (begun + data[at : at + 3]).find(_HEAD_END)) >= 0:
            return at + end + 4 - len(begun)
        end = data.find(_HEAD_END, at)
        return end + 4 if end >= 0 else 0

    # The end of an exchange

    def _conclude(self, reason: str = "malformed", message: str = "", why: Ending | None = None) -> None:
        """Give the answer that has come; where none has, say why."""
        exchange = self._exchange
        assert exchange
        if not self._status:
            if begins_http2(self._head):
                reason, message = "http2_only", f"{self._host} {HTTP2_ONLY}"
            error = failure(reason, message or f"{self._host} answered with {self._fault}")
            self.end(error, why or Ending.UNREADABLE)
            return
        answer = self._answer()
        if self.is_fresh:
            self.is_fresh = False
            self._owner.proven(self)
        if self._is_complete and not self._is_spoilt and self._can_go_on(exchange):
            self._exchange = None
            self._clear()
            self._owner.freed(self)
        else:
            self.end(why=why or (Ending.UNREADABLE if self._is_spoilt else Ending.ANSWERED))
        exchange.end(answer)

    def _answer(self) -> Answer:
        """Who tells what is left of a quota does so from the first answer, or from a failure, on."""
        body = self._body[:MAX_BODY]
        if self._status < 300 and not self._tells:
            return Response(self._status, None, body)
        quota = quota_fields(self._head)
        self._tells = bool(quota)
        if self._status < 300:
            return Response(self._status, None, body, quota)
        # Only an answer that fails is looked into, by another parser: names cost a third of the parsing.
        if wants_http2(self._status, body):
            return failure("http2_only", f"{self._host} {HTTP2_ONLY}")
        fields = Fields(self._head)
        readable_body = readable(body, fields.content_encoding, MAX_BODY)
        return Response(self._status, fields.retry_after, readable_body, quota)

    def _can_go_on(self, exchange: Exchange) -> bool:
        is_sent = len(exchange.payload) <= _AT_ONCE or not self._transport.get_write_buffer_size()
        return is_sent and self._is_lasting and self._is_open and self.expires_at > 0
