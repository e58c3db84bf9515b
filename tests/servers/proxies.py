"""Forward proxies: tinyproxy, and one of ours that speaks TLS itself and writes down what it is asked."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.running import Server, program, running
from tests.support.endpoint import HOST, Behaviour

TINYPROXY = """\
Port {port}
Listen {host}
Timeout 60
MaxClients 200
LogLevel Info
LogFile "{folder}/log"
{login}
"""


@contextmanager
def tinyproxy(folder: Path, login: str = "") -> Iterator[Server]:
    """tinyproxy; `login`: `name password` that it asks for."""
    command = [program("tinyproxy", "tinyproxy-bin"), "-d", "-c", "{folder}/conf"]
    said = {"login": f"BasicAuth {login}" if login else ""}
    with running(command, folder, TINYPROXY, said=said) as server:
        yield server


def asked_in(folder: Path) -> list[str]:
    """The first lines of the requests that the tinyproxy of a folder got."""
    text = (folder / "log").read_text(encoding="utf-8")
    return [line.partition("): ")[2] for line in text.splitlines() if "Request (" in line]


def tunnelling(
    heads: list[bytes], answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n"
) -> Behaviour:
    """What a proxy does that takes CONNECT: note the head, answer, and carry bytes both ways."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        where = heads[-1].split(b" ")[1].decode()
        upstream, down = await asyncio.open_connection(HOST, int(where.rpartition(":")[2]))
        writer.write(answer)
        try:
            await asyncio.gather(_carry(reader, down), _carry(upstream, writer))
        finally:
            down.close()

    return behave


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
