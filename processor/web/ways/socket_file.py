"""By a socket of the file system: who listens there is the origin, whatever its name leads to.

Promise: no name is looked up and nothing else is dialled; an https origin proves who it is all the same.
"""

import asyncio
import os
from pathlib import Path

from yarl import URL

from processor.web.connection import OpenedTransport
from processor.web.dialer import Dialer, Silence
from processor.web.failures import failure


class SocketFile:
    """Dials one path. `inner`: by whose rules https origins have to prove who they are."""

    def __init__(self, path: Path, inner: Dialer, connect_timeout: float) -> None:
        self._path = path
        self._inner = inner
        self._timeout = connect_timeout

    async def dial(self, origin: URL) -> OpenedTransport:
        """A connection to who listens. Raises TransportError."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._opened(origin)
        except TimeoutError:
            raise failure("connect_timeout", f"no connection to {self._path} in time") from None
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else "it is no socket"
            raise failure("connect", f"no connection to {self._path}: {why}") from error

    async def _opened(self, origin: URL) -> OpenedTransport:
        loop = asyncio.get_running_loop()
        transport, silence = await loop.create_unix_connection(Silence, str(self._path))
        try:
            if origin.scheme == "https":
                transport = await self._inner.secure(transport, origin)
            else:
                silence.refuse_speech(origin)
        except BaseException:
            transport.abort()
            raise
        return OpenedTransport(transport, _nothing)


def _nothing() -> None:
    """The transport is all there is."""
