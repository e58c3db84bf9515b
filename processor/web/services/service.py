"""A service beside the webhook, such as a registry or a token endpoint: one question out, one answer back.

Promises: an answer comes whole within `timeout`, no larger than `most_bytes`, or it is a TransportError;
redirects are not followed, nothing is unpacked, no proxy of the environment is used, no cookie kept. The
certificate is verified as that of the webhook. What waits in threads, such as the look-up of a name, does so
in threads of its own: a service that cannot be looked up takes none from the webhook.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from processor import __version__
from processor.web.dialer import in_words
from processor.web.failures import failure

MOST_BYTES = 4 * 1024 * 1024
"""Of an answer."""
MOST_CONNECTIONS = 16
MOST_THREADS = 2
Found = TypeVar("Found")
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Reply(NamedTuple):
    """What came back."""

    status: int
    content_type: str
    body: bytes


class Service:
    """Asks; several at once wait for their turn, which the time-out counts."""

    def __init__(self, timeout: float, most_bytes: int = MOST_BYTES) -> None:
        """`timeout` in seconds, for one question; `most_bytes` of an answer."""
        self._timeout = timeout
        self._most_bytes = most_bytes
        self._session: ClientSession | None = None
        self._threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="service")

    async def apart(self, work: Callable[[], Found]) -> Found:
        """Do what may wait, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def ask(
        self,
        url: str,
        context: ssl.SSLContext,
        headers: Mapping[str, str] = _NO_HEADERS,
        form: Mapping[str, str] | None = None,
    ) -> Reply:
        """GET, or POST where there is a form. Raises TransportError."""
        target = URL(url, encoded=True)
        host = target.host_port_subcomponent or ""
        session = self._opened()
        try:
            async with (
                asyncio.timeout(self._timeout),
                session.request(
                    "GET" if form is None else "POST",
                    target,
                    headers=headers,
                    data=form,
                    ssl=context,
                    allow_redirects=False,
                ) as response,
            ):
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > self._most_bytes:
                        raise failure("too_large", f"{host} answers with more than {self._most_bytes} bytes")
                return Reply(response.status, response.headers.get("Content-Type", ""), bytes(body))
        except TimeoutError:
            raise failure("answer_timeout", f"no answer from {host} within {self._timeout:g} s") from None
        except (ClientError, OSError, ValueError) as error:
            raise in_words(error, host) from error

    async def close(self) -> None:
        """What is under way is not answered any more."""
        if self._session is not None:
            await self._session.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _opened(self) -> ClientSession:
        """Made within the loop that it is used in."""
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(
                    limit=MOST_CONNECTIONS, force_close=True, resolver=_Resolver(self), use_dns_cache=False
                ),
                timeout=ClientTimeout(total=None),
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                headers={
                    "Accept-Encoding": "identity",
                    "User-Agent": f"kafka-webhook-processor/{__version__}",
                },
            )
        return self._session


class _Resolver(AbstractResolver):
    """Looks names up in the threads of a service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        look_up = partial(
            socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host, host=str(at[0]), port=int(at[1]), family=kind, proto=protocol, flags=flags
            )
            for kind, _, protocol, _, at in await self._service.apart(look_up)
        ]

    async def close(self) -> None:
        """The threads are those of the service."""
