"""Connections to a name that comes to lead elsewhere, with the defaults, in hurried time."""

import asyncio
import math
import selectors
import time
from collections import Counter
from contextlib import suppress
from random import Random

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from processor.config.destination.endpoint import DestinationSettings
from processor.web.client import Client
from tests.support.endpoint import unused_port
from tests.unit.admin.asking import post, response, send

pytestmark = pytest.mark.slow

HURRY = 50.0
"""Seconds of these loops in a second."""
AT_ONCE = 16
PROMISED, COUNTED = 150.0, 20.0
OLD, NEW = "127.0.0.1", "127.0.0.2"
STATUSES = {OLD: 200, NEW: 201}


class HurriedSelector(selectors.DefaultSelector):
    """It waits for less than it is asked to."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / HURRY)


class HurriedLoop(asyncio.SelectorEventLoop):
    """Its time goes fast; what happens on the wire does not know of it."""

    def __init__(self) -> None:
        super().__init__(HurriedSelector())

    def time(self) -> float:
        return time.monotonic() * HURRY


class Name(AbstractResolver):
    """A name that leads to these addresses, as long as they stay so."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in self.addresses
        ]

    async def close(self) -> None: ...


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say by the status which server this is."""
    status = STATUSES[writer.get_extra_info("sockname")[0]]
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while await reader.readuntil(b"\r\n\r\n{}"):
            writer.write(b"HTTP/1.1 %d OK\r\nContent-Length: 0\r\n\r\n" % status)
    writer.close()


async def answered_late(*addresses: str) -> Counter[int]:
    """How often each server answered what left later than it is promised after the name led there."""
    loop, port, name = asyncio.get_running_loop(), unused_port(), Name(OLD)
    late, changed_at = Counter[int](), math.inf
    url = f"http://h.example:{port}"
    times = {"connect_timeout": 1000, "request_timeout": 1000, "keepalive_timeout": 1000}
    destination = DestinationSettings.model_validate({"url": url, **times})
    client = Client(destination, AT_ONCE, name, chance=Random(1).random)

    async def ask() -> None:
        nonlocal changed_at
        while (sent_at := loop.time()) < changed_at + PROMISED + COUNTED:
            status = response(await send(client, post(url))).status
            if changed_at == math.inf and client.connections() == AT_ONCE:  # so none is being opened
                changed_at, name.addresses = loop.time(), addresses
            late[status] += sent_at >= changed_at + PROMISED

    async with await asyncio.start_server(serve, OLD, port), await asyncio.start_server(serve, NEW, port):
        await client.open()
        await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
        await client.close()
    return late


def test_a_name_that_moved_is_where_everything_goes_after_150_seconds() -> None:
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        late = runner.run(answered_late(NEW))
    assert late[STATUSES[NEW]] > 0
    assert late[STATUSES[OLD]] == 0


def test_a_server_that_is_added_has_its_share_after_150_seconds() -> None:
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        late = runner.run(answered_late(OLD, NEW))
    assert 0.25 < late[STATUSES[NEW]] / late.total() < 0.75
