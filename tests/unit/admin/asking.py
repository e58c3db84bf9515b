"""What the tests of this folder share: a client for an endpoint, and questions to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trustme
from aiohttp.abc import AbstractResolver

from processor.config.destination.endpoint import DestinationSettings
from processor.errors import TransportError
from processor.model import Answer, Headers, Request, Response
from processor.web.client import Client
from tests.support.endpoint import Arrival, Endpoint, RawServer, Reply

SECONDS = 0.3
"""The time-out of most tests: long enough for a loopback answer, short enough to wait for."""


def settings(url: str, **others: Any) -> DestinationSettings:
    """A destination with short time-outs."""
    times = {"connect_timeout": 5.0, "request_timeout": 5.0}
    return DestinationSettings.model_validate({"url": url, **times, **others})


@asynccontextmanager
async def opened(
    url: str, max_in_flight: int = 8, resolver: AbstractResolver | None = None, **others: Any
) -> AsyncIterator[Client]:
    """A client that is open."""
    client = Client(settings(url, **others), max_in_flight, resolver)
    await client.open()
    try:
        yield client
    finally:
        await client.close()


def post(url: str, body: bytes = b"{}", headers: Headers = ()) -> Request:
    """A request like most; like all that events become it has a path."""
    return Request("POST", url if url.count("/") > 2 else f"{url}/", headers, body)


def send(client: Client, request: Request) -> asyncio.Future[Answer]:
    """The answer to come."""
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    client.send(request, answer.set_result)
    return answer


async def ask(server: Endpoint | RawServer, request: Request | None = None, **others: Any) -> Answer:
    """The answer to one request of a client of its own, on whose connections nothing is left over."""
    async with opened(server.url, **others) as client:
        return await send(client, request or post(f"{server.url}/hook"))


async def ask_in_time(server: Endpoint | RawServer, tries: int = 10) -> Answer:
    """The same with `SECONDS` for the request, of which connecting takes a part.

    A machine that takes so long to connect to itself has said nothing of the answer: it is asked again.
    """
    answer = await ask(server, request_timeout=SECONDS)
    if tries > 1 and isinstance(answer, TransportError) and answer.reason == "connect_timeout":
        return await ask_in_time(server, tries - 1)
    return answer


def response(answer: Answer) -> Response:
    """The answer, if it is one of the endpoint."""
    assert isinstance(answer, Response), answer
    return answer


def error(answer: Answer) -> TransportError:
    """The answer, if there was none of the endpoint."""
    assert isinstance(answer, TransportError), answer
    return answer


def serving(identity: trustme.LeafCert, *, clients_of: trustme.CA | None = None) -> ssl.SSLContext:
    """A server's TLS context; `clients_of` an authority: clients have to prove who they are."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    identity.configure_cert(context)
    if clients_of:
        clients_of.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def hanging(_: Arrival) -> "asyncio.Future[Reply]":
    """The script of an endpoint that never answers."""
    return asyncio.get_running_loop().create_future()
