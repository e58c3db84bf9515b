"""The endpoint of the fault suite: a process of its own, with a script and a ledger of receipts.

A hand-written HTTP/1.1 server on uvloop: what it costs is small beside what is tested. Its modes are
switched while it runs, over a control connection: a line of JSON there, a line of JSON back.
Run as a module with its `Setup` as JSON; it says its ports on a line, and ends when its input does.
"""

import asyncio
import json
import re
import socket
import ssl
import struct
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from email.utils import formatdate
from enum import StrEnum
from typing import Any, NamedTuple, cast

import uvloop

from tests.faults.events import Fate, Plan, number_of
from tests.faults.receipts import NO_NUMBER, NOBODY, SETTLED, Outcome, Receipts

HOST = "127.0.0.1"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MEMBER = re.compile(rb"\r\nx-member: *(\d+)", re.IGNORECASE)
_RESET = struct.pack("ii", 1, 0)
_DRIP_SECONDS = 0.5
_MOST_CORRUPT = 100


class Mode(StrEnum):
    """How the endpoint is."""

    NORMAL = "normal"
    """Every event meets its fate."""
    REFUSING = "refusing"
    """Nobody listens, and what was connected is reset."""
    RESETTING = "resetting"
    """Reads a request and resets the connection; nothing is done."""
    HANGING = "hanging"
    """Reads, and never answers."""
    DRIPPING = "dripping"
    """Answers a byte every half second, never a whole status line in time."""
    LIMITED = "limited"
    """429, with the `Retry-After` of the setup."""
    STORM = "storm"
    """503 to all."""
    FLAPPING = "flapping"
    """A second of 503, a second of normal."""
    FORBIDDEN = "forbidden"
    """403 to all: they come with a wrong token."""


@dataclass(frozen=True)
class Setup:
    """How the endpoint begins. `pace`: so many answers a second at the most, 0: no limit."""

    plan: dict[str, Any]
    zero: float
    delay: float = 0.0
    pace: float = 0.0
    certificate: str = ""

    def to_json(self) -> str:
        """As the process takes it."""
        return json.dumps(asdict(self))


class Progress(NamedTuple):
    """How far it has come: requests, events dealt with, requests under way and dealt with per member."""

    requests: int
    settled: int
    under_way: dict[int, int]
    by_member: dict[int, int]


class Answer(NamedTuple):
    """What to do with a request: an outcome, after so many seconds, and what to write."""

    outcome: Outcome
    delay: float = 0.0
    text: bytes = b""


def _response(status: str, more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n{more}\r\n".encode()


_OK, _BAD, _BUSY = _response("200 OK"), _response("400 Bad Request"), _response("503 Service Unavailable")
_FORBIDDEN = _response("403 Forbidden")


class House:
    """What the connections share: the mode, the receipts, the attempts."""

    def __init__(self, setup: Setup) -> None:
        plan = setup.plan | {"pad": tuple(setup.plan["pad"])}
        self.plan = Plan(**plan)
        self.mode = Mode.NORMAL
        self.retry_after = ""
        self.delay, self.pace = setup.delay, setup.pace
        self.receipts = Receipts()
        self.corrupt: list[tuple[int, str]] = []
        self.open: set[_Connection] = set()
        self._zero = setup.zero
        self._attempted = bytearray(self.plan.events)
        self._done = bytearray(self.plan.events)
        self._settled = 0
        self._under_way = Counter[int]()
        self._by_member = Counter[int]()
        self._next_at = 0.0

    def progress(self) -> dict[str, Any]:
        """As `Progress`."""
        return {
            "requests": len(self.receipts),
            "settled": self._settled,
            "under_way": dict(self._under_way),
            "by_member": dict(self._by_member),
        }

    def begin(self, head: bytes, body: bytes) -> tuple[int, Answer]:
        """A request came in: its row, and what to do with it."""
        member = int(found[1]) if (found := _MEMBER.search(head)) else NOBODY
        n = number_of(body)
        known = n is not None and n < self.plan.events
        row = self.receipts.begin(n if known and n is not None else NO_NUMBER, member, self._now())
        self._under_way[member] += 1
        if n is None or not known or body != self.plan.payload(n):
            if len(self.corrupt) < _MOST_CORRUPT:
                self.corrupt.append((row, body[:200].decode(errors="replace")))
            return row, Answer(Outcome.ACCEPTED, 0.0, _OK)
        return row, self._answer(n)

    def end(self, row: int, outcome: Outcome) -> None:
        """A request came to its end."""
        self.receipts.end(row, outcome, self._now())
        n, member = self.receipts.n[row], self.receipts.member[row]
        self._under_way[member] -= 1
        if outcome in SETTLED and n != NO_NUMBER:
            self._by_member[member] += 1
            self._settled += not self._done[n]
            self._done[n] = 1

    def _answer(self, n: int) -> Answer:
        mode = self.mode
        if mode is Mode.FLAPPING:
            mode = Mode.STORM if int(time.monotonic()) % 2 else Mode.NORMAL
        if mode is Mode.NORMAL:
            return self._by_fate(n)
        if mode is Mode.STORM:
            return Answer(Outcome.BUSY, self._wait(), _BUSY)
        if mode is Mode.FORBIDDEN:
            return Answer(Outcome.FORBIDDEN, self._wait(), _FORBIDDEN)
        if mode is Mode.LIMITED:
            text = _response("429 Too Many Requests", f"Retry-After: {_retry_after(self.retry_after)}\r\n")
            return Answer(Outcome.LIMITED, 0.0, text)
        if mode in (Mode.HANGING, Mode.DRIPPING):
            return Answer(Outcome.OPEN, 0.0, _OK if mode is Mode.DRIPPING else b"")
        return Answer(Outcome.DROPPED)

    def _by_fate(self, n: int) -> Answer:
        fate, first = self.plan.fate(n), not self._attempted[n]
        self._attempted[n] = 1
        wait = self._wait()
        if fate is Fate.BUSY and first:
            return Answer(Outcome.BUSY, wait, _BUSY)
        if fate is Fate.AMBIGUOUS and first:
            return Answer(Outcome.AMBIGUOUS, wait)
        if fate is Fate.POISON:
            return Answer(Outcome.REFUSED, wait, _BAD)
        return Answer(Outcome.ACCEPTED, wait + (self.plan.slow_seconds if fate is Fate.SLOW else 0.0), _OK)

    def _wait(self) -> float:
        if not self.pace:
            return self.delay
        now = time.monotonic()
        self._next_at = max(now, self._next_at) + 1 / self.pace
        return self.delay + self._next_at - now

    def _now(self) -> int:
        return int((time.time() - self._zero) * 1000)


def _retry_after(text: str) -> str:
    """`date+N` is the date N seconds from now; anything else is said as it stands."""
    return formatdate(time.time() + float(text[5:]), usegmt=True) if text.startswith("date+") else text


class _Connection(asyncio.Protocol):
    """One request after the other."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._received = bytearray()
        self._row: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._house.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._house.open.discard(self)
        self._end(Outcome.LEFT)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._go_on()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def _go_on(self) -> None:
        while self._row is None and (request := self._next()):
            self._row, answer = self._house.begin(*request)
            if answer.outcome is Outcome.OPEN:
                self._drip(answer.text)
            elif answer.delay > 0:
                self._timer = asyncio.get_running_loop().call_later(answer.delay, self._answer_late, answer)
            else:
                self._answer(answer)

    def _next(self) -> tuple[bytes, bytes] | None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self._received[:end])
        start, found = end + 4, _LENGTH.search(head)
        length = int(found[1]) if found else 0
        if len(self._received) < start + length:
            return None
        body = bytes(self._received[start : start + length])
        del self._received[: start + length]
        return head, body

    def _answer_late(self, answer: Answer) -> None:
        self._answer(answer)
        self._go_on()

    def _answer(self, answer: Answer) -> None:
        self._end(answer.outcome)
        if answer.text:
            self._transport.write(answer.text)
        else:
            self.reset()

    def _drip(self, text: bytes) -> None:
        if text:
            self._transport.write(text[:1])
            self._timer = asyncio.get_running_loop().call_later(_DRIP_SECONDS, self._drip, text[1:])

    def _end(self, outcome: Outcome) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._row is not None:
            self._house.end(self._row, outcome)
            self._row = None


class _Process:
    """The process: a listener that comes and goes on one port, and a control connection."""

    def __init__(self, setup: Setup) -> None:
        self._house = House(setup)
        self._certificate = setup.certificate
        self._listener: asyncio.Server | None = None
        self._port = 0

    async def run(self) -> None:
        """Until the input ends."""
        await self._listen()
        control = await asyncio.start_server(self._control, HOST, 0)
        control_port = control.sockets[0].getsockname()[1]
        sys.stdout.write(json.dumps({"port": self._port, "control": control_port}) + "\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

    async def _listen(self) -> None:
        tls = None
        if self._certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(self._certificate)
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self._house), HOST, self._port, ssl=tls, backlog=4096, reuse_address=True
        )
        self._port = self._listener.sockets[0].getsockname()[1]

    async def _mute(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None
        for connection in list(self._house.open):
            connection.reset()

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked = json.loads(line)
            if asked["do"] == "receipts":
                columns = self._house.receipts.to_bytes()
                answer = {"length": len(columns), "corrupt": self._house.corrupt}
                writer.write(json.dumps(answer).encode() + b"\n" + columns)
            else:
                if asked["do"] == "become":
                    await self._become(asked)
                writer.write(json.dumps(self._house.progress()).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _become(self, asked: dict[str, Any]) -> None:
        house = self._house
        house.mode = Mode(asked.get("mode", house.mode))
        house.retry_after = asked.get("retry_after", house.retry_after)
        house.delay = asked.get("delay", house.delay)
        changed = asked.get("certificate", self._certificate) != self._certificate
        self._certificate = asked.get("certificate", self._certificate)
        if house.mode is Mode.REFUSING or changed:
            await self._mute()
        if house.mode is not Mode.REFUSING and self._listener is None:
            await self._listen()


class Receiver:
    """The endpoint, seen from the tests: `async with` starts and ends its process."""

    def __init__(self, plan: Plan, zero: float, **setup: Any) -> None:
        self._setup = Setup(asdict(plan), zero, **setup)
        self._lock = asyncio.Lock()
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._setup.certificate else 'http'}://{HOST}:{self.port}/hook"

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    async def __aenter__(self) -> "Receiver":
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.faults.receiver",
            self._setup.to_json(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout
        ports = json.loads(await self._process.stdout.readline())
        self.port = ports["port"]
        self._reader, self._writer = await asyncio.open_connection(HOST, ports["control"], limit=1 << 24)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()

    async def become(self, mode: Mode | None = None, **more: Any) -> Progress:
        """Switch the mode, or `retry_after`, `delay`, `certificate`."""
        return await self._ask({"do": "become", **({"mode": mode} if mode else {}), **more})

    async def progress(self) -> Progress:
        """How far it has come."""
        return await self._ask({"do": "progress"})

    async def receipts(self) -> tuple[Receipts, list[tuple[int, str]]]:
        """Everything received, and what was not as produced."""
        async with self._lock:
            said = await self._exchange({"do": "receipts"})
            columns = await self._reader.readexactly(said["length"])
        return Receipts.from_bytes(columns), [(row, text) for row, text in said["corrupt"]]

    async def _ask(self, question: dict[str, Any]) -> Progress:
        async with self._lock:
            return _progress(await self._exchange(question))

    async def _exchange(self, question: dict[str, Any]) -> dict[str, Any]:
        self._writer.write(json.dumps(question).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self._reader.readline())
        return answer


def _progress(said: dict[str, Any]) -> Progress:
    under_way, by_member = (
        {int(member): count for member, count in said[name].items()} for name in ("under_way", "by_member")
    )
    return Progress(said["requests"], said["settled"], under_way, by_member)


if __name__ == "__main__":
    uvloop.run(_Process(Setup(**json.loads(sys.argv[1]))).run())
