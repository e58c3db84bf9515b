"""Connections as they are opened: the way in which each fails is told apart."""

import asyncio
import ssl
from typing import Any

import pytest
from aiohttp import ThreadedResolver
from aiohttp.connector import Connection
from yarl import URL

from processor.errors import TransportError
from processor.web.dialer import Dialer, Silence
from processor.web.guard import Guard, own_rule
from tests.support.endpoint import HOST, Endpoint, RawServer, plain, silent, unused_port
from tests.support.patience import PATIENCE
from tests.unit.admin.asking import settings


def dialler(seconds: float = 5.0) -> Dialer:
    """One that may go anywhere."""
    rule = own_rule(settings(f"http://{HOST}/"))
    return Dialer(Guard(rule, ThreadedResolver()), ssl.create_default_context(), seconds)


async def fault(url: str, seconds: float = 5.0) -> TransportError:
    """Why there is no connection."""
    dials = dialler(seconds)
    with pytest.raises(TransportError) as caught:
        await dials.dial(URL(url))
    await dials.close()
    return caught.value


async def test_a_line_is_a_transport_to_where_it_was_asked_for() -> None:
    async with Endpoint() as endpoint:
        dials = dialler()
        line = await dials.dial(URL(endpoint.url))
        assert line.transport.get_extra_info("peername") == (HOST, endpoint.port)
        line.transport.abort()
        line.release()
        await dials.close()


async def test_every_dial_is_a_connection_of_its_own() -> None:
    async with Endpoint() as endpoint:
        dials = dialler()
        for _ in range(3):
            line = await dials.dial(URL(endpoint.url))
            line.transport.abort()
            line.release()
        await dials.close()
    assert endpoint.connections == 3


@pytest.mark.parametrize(
    ("said", "is_over", "reason"),
    [
        ([b"\0\0\6\4\0\0\0\0\0\0\5\0\0\x40\0", b"more"], False, "http2_only"),
        ([b"220 smtp\r\n"], False, "reset"),
        ([], True, "reset"),
    ],
)
def test_who_speaks_or_goes_before_anybody_asked_is_not_used(
    said: list[bytes], is_over: bool, reason: str
) -> None:
    silence = Silence()
    silence.refuse_speech(URL("https://h.example"))
    for each in said:
        silence.data_received(each)
    if is_over:
        silence.connection_lost(None)
    with pytest.raises(TransportError) as caught:
        silence.refuse_speech(URL("https://h.example"))
    assert caught.value.reason == reason


async def test_nobody_there_and_no_such_name_and_no_tls_are_told_apart() -> None:
    assert (await fault(f"http://{HOST}:{unused_port()}")).reason == "connect"
    assert (await fault("http://name.invalid")).reason == "dns"
    assert (await fault(f"http://{'a' * 70}.invalid")).reason == "dns"
    assert (await fault("http://127.1")).reason == "blocked"
    async with RawServer(plain) as server:
        assert (await fault(server.url.replace("http", "https"))).reason == "tls"


async def test_a_handshake_that_hangs_is_given_up_in_time() -> None:
    async with RawServer(silent) as server:
        assert (await fault(server.url.replace("http", "https"), 0.1)).reason == "connect_timeout"


async def test_a_server_that_speaks_first_is_not_spoken_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Endpoint() as endpoint:
        dials = dialler()
        connect = dials._connector.connect

        async def heard(*args: Any) -> Connection:
            connection = await connect(*args)
            assert connection.protocol is not None
            connection.protocol.data_received(b"220 mail.example\r\n")
            return connection

        monkeypatch.setattr(dials._connector, "connect", heard)
        with pytest.raises(TransportError, match="spoke before it was asked"):
            await dials.dial(URL(endpoint.url))
        await dials.close()


async def test_a_dial_that_is_called_off_leaves_nothing_open() -> None:
    async with RawServer(silent) as server:
        dials = dialler()
        task = asyncio.ensure_future(dials.dial(URL(server.url.replace("http", "https"))))
        async with asyncio.timeout(PATIENCE):
            while not server.connections:
                await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await dials.close()
