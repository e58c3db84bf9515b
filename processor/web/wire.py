"""One connection, on which an answer, once given, stands, and belongs to the request before it.

Promise: what is wrong behind the head of an answer does not undo it; what a server says that nobody
asked is never taken for an answer, nor kept: it ends the connection.

aiohttp forgets a response when something behind its head is wrong in the same segment (a body after a
204, or longer than its Content-Length), waits for ever for a body that breaks in a later one, takes
what came on an idle connection for the answer to the next request, and keeps all that comes on one.
"""

from functools import partial
from typing import Any, cast

from aiohttp import StreamReader, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage


class Connector(TCPConnector):
    """Makes wires in place of aiohttp's own connections."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = cast("partial[ResponseHandler]", partial(Wire, loop=self._loop))


class Wire(ResponseHandler):
    """The protocol of a connection; aiohttp calls all of it."""

    _is_answered = False

    def set_response_params(self, **params: Any) -> None:
        """Called before each request."""
        self._is_answered = False
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Hands on the head of an answer before what is behind it."""
        head, end, rest = data.partition(b"\r\n\r\n")
        super().data_received(head + end)
        if rest and super().is_connected():
            super().data_received(rest)
        if self.exception() and self._payload and not self._payload.is_eof():
            self._payload.feed_eof()

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Called with each head: interim ones, the answer, and those that nobody asked for."""
        if self._is_answered:
            self.force_close()
            if self.transport:
                self.transport.close()
            return
        self._is_answered = data[0].code >= 200
        super().feed_data(data, size)

    def is_connected(self) -> bool:
        """Asked before a connection is used again."""
        return super().is_connected() and not self.should_close
