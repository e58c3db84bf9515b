"""The connections to one origin: how many, which is used, and who is served first."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ThreadedResolver
from yarl import URL

from processor.core.pace.connections import FIRST, Ending
from processor.errors import TransportError
from processor.model import Answer, Request
from processor.telemetry.facts import Facts
from processor.web.connection import OpenedTransport
from processor.web.dialer import Dialer
from processor.web.exchange import Exchange
from processor.web.guard import Guard, own_rule
from processor.web.pool import Limits, Pool
from processor.web.request_writer import RequestWriter
from tests.support.endpoint import HOST, Arrival, Endpoint, RawServer, Reply, answering, reset, silent
from tests.unit.admin.asking import error, hanging, response, settings

SECONDS = 10.0


class Gate:
    """Dials when it is open; counts what is asked of it."""

    def __init__(self) -> None:
        rule = own_rule(settings(f"http://{HOST}/"))
        self._dialler = Dialer(Guard(rule, ThreadedResolver()), ssl.create_default_context(), SECONDS)
        self.opened = asyncio.Event()
        self.opened.set()
        self.asked = 0
        self.close = self._dialler.close

    async def dial(self, origin: URL) -> OpenedTransport:
        """As the real one, which it asks."""
        self.asked += 1
        await self.opened.wait()
        return await self._dialler.dial(origin)


class Heard(Facts):
    """Counts what is told of connections."""

    def __init__(self) -> None:
        self.opened = self.second_tries = 0
        self.endings: Counter[Ending] = Counter()

    def connected(self, seconds: float) -> None:
        assert seconds >= 0
        self.opened += 1

    def disconnected(self, why: Ending) -> None:
        self.endings[why] += 1

    def tried_again(self) -> None:
        self.second_tries += 1


class Rig:
    """A pool, and requests to it."""

    def __init__(self, url: str, most: int, keepalive: float, **more: Any) -> None:
        self.gate = Gate()
        self.may_send = True
        self.loop = asyncio.get_running_loop()
        self.limits = Limits(most, keepalive, lambda: self.may_send, **more)
        self.heard = Heard()
        self.endings = self.heard.endings
        self.pool = Pool(URL(url), self.gate, self.limits, self.heard)
        self.exchanges: list[Exchange] = []

    def ask(self, name: str = "", seconds: float = SECONDS) -> asyncio.Future[Answer]:
        """The answer to come to a request for `/name`."""
        answer: asyncio.Future[Answer] = self.loop.create_future()
        payload = RequestWriter(HOST).write(Request("POST", "", (), b"{}"), f"/{name}")
        exchange = Exchange(payload, self.loop.time() + seconds, answer.set_result, self.pool)
        self.exchanges.append(exchange)
        self.pool.submit(exchange)
        return answer


@asynccontextmanager
async def rig(url: str, most: int = 8, keepalive: float = SECONDS, **more: Any) -> AsyncIterator[Rig]:
    """One whose connections are closed in the end."""
    made = Rig(url, most, keepalive, **more)
    yield made
    await made.pool.close(TransportError("reset", "closed"))
    await made.gate.close()


def targets(endpoint: Endpoint) -> list[str]:
    """What was asked for, in order."""
    return [arrival.target for arrival in endpoint.requests]


async def test_who_waits_is_served_in_order() -> None:
    async with Endpoint() as endpoint, rig(endpoint.url, most=1) as pool:
        await asyncio.gather(*(pool.ask(str(n)) for n in range(20)))
    assert targets(endpoint) == [f"/{n}" for n in range(20)]
    assert endpoint.connections == 1


async def test_what_was_used_last_is_used_next_and_the_rest_ends_when_it_was_idle_too_long() -> None:
    ports: list[int] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n{}"):
            ports.append(writer.get_extra_info("peername")[1])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with RawServer(behave) as server, rig(server.url, keepalive=5.0) as pool:
        await asyncio.gather(*(pool.ask() for _ in range(12)))
        many = pool.pool.opened
        for _ in range(9):
            await pool.ask()
        assert many > 1
        assert len(set(ports[-9:])) == 1
        later = pool.loop.time() + 5.0
        await pool.ask()
        pool.pool.sweep(later)
        assert pool.pool.opened == 1
    assert pool.endings == {Ending.IDLE: many - 1, Ending.STOPPED: 1}


async def test_a_connection_that_no_request_used_is_the_next_to_be_used_or_is_soon_ended() -> None:
    async with Endpoint() as endpoint, rig(endpoint.url) as pool:
        pool.gate.opened.clear()
        early = pool.ask("early")
        await asyncio.sleep(0)
        pool.exchanges[0].cancel()
        pool.gate.opened.set()
        async with asyncio.timeout(SECONDS):
            while not pool.pool.opened:
                await asyncio.sleep(0)
        pool.pool.sweep(pool.loop.time())
        assert pool.pool.opened == 1
        pool.pool.sweep(pool.loop.time() + 0.3)
        assert pool.pool.opened == 0
        assert pool.endings == {Ending.UNUSED: 1}
        assert not early.done()


async def test_no_more_unanswered_ones_are_opened_than_were_answered() -> None:
    release = asyncio.Event()
    answered = 0

    async def script(_: Arrival) -> Reply:
        nonlocal answered
        await release.wait()
        answered += 1
        return Reply()

    async with Endpoint(script) as endpoint, rig(endpoint.url, most=64) as pool:
        answers = [pool.ask() for _ in range(200)]
        await endpoint.received(2)
        await asyncio.sleep(0.05)
        assert endpoint.connections == 2
        release.set()
        await asyncio.gather(*answers)
        assert 2 < endpoint.connections <= 64


async def test_a_server_that_closes_after_each_answer_gets_as_many_as_it_answers() -> None:
    async with Endpoint(lambda _: Reply(close=True, delay=0.01)) as endpoint, rig(endpoint.url) as pool:
        await asyncio.gather(*(pool.ask() for _ in range(100)))
    assert endpoint.most_in_flight == 8
    assert pool.endings == {Ending.ANSWERED: 100}


async def test_a_server_that_says_nothing_gets_all_requests_in_time() -> None:
    async with Endpoint(hanging) as endpoint, rig(endpoint.url, most=64) as pool:
        for _ in range(64):
            pool.ask()
        for ticks in range(1, 7):
            pool.pool.sweep(pool.loop.time() + ticks * pool.limits.patience)
            await endpoint.received(min(64, 2**ticks))
        assert len(endpoint.requests) == 64


class Workers:
    """A server with few of them, each for a connection as long as it is kept alive; the others wait."""

    def __init__(self, number: int) -> None:
        self.free = asyncio.Semaphore(number)
        self.served: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self.free:
            while head := await reader.readuntil(b"\r\n\r\n{}"):
                self.served.append(head.split()[1])
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


async def test_those_that_are_answered_make_room_for_those_that_are_left_unanswered() -> None:
    workers = Workers(3)
    async with RawServer(workers) as server, rig(server.url, most=64, patience=0.05) as pool:
        answers = [pool.ask(str(n)) for n in range(300)]
        async with asyncio.timeout(SECONDS):
            while not all(answer.done() for answer in answers):
                pool.pool.sweep(pool.loop.time())
                await asyncio.sleep(0.01)
        assert [response(answer.result()).status for answer in answers] == [200] * 300
        assert len(workers.served) == len(set(workers.served)) == 300
        assert pool.endings[Ending.YIELDED]
        yielded = pool.endings[Ending.YIELDED]
        async with asyncio.timeout(SECONDS):
            for _ in range(20):
                answers = [pool.ask() for _ in range(20)]
                await asyncio.sleep(0.01)
                pool.pool.sweep(pool.loop.time())
                await asyncio.gather(*answers)
        assert pool.endings[Ending.YIELDED] <= yielded + 2


async def test_room_is_made_too_for_one_that_cannot_be_opened_while_others_are_answered() -> None:
    gates = {"/first": asyncio.Event(), "/second": asyncio.Event()}

    async def script(arrival: Arrival) -> Reply:
        if arrival.target in gates:
            await gates[arrival.target].wait()
        return Reply()

    async with Endpoint(script) as endpoint, rig(endpoint.url) as pool:
        first = pool.ask("first")
        await endpoint.received(1)
        pool.gate.opened.clear()
        second, third = pool.ask("second"), pool.ask("third")
        gates["/first"].set()
        await first
        await endpoint.received(2)
        pool.pool.sweep(pool.loop.time() + 0.9)
        pool.pool.sweep(pool.loop.time() + 1.1)
        gates["/second"].set()
        response(await second)
        assert pool.endings == {Ending.YIELDED: 1}
        pool.gate.opened.set()
        response(await third)


async def test_a_second_try_needs_no_room_where_no_more_may_be_open() -> None:
    first_is_free, may_reset = asyncio.Event(), asyncio.Event()
    came: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n{}"):
            came.append(head.split()[1])
            if b"/first" in head:
                await first_is_free.wait()
            elif b"/left" in head:
                await silent(reader, writer)
            elif came.count(b"/dead") == 1:
                await may_reset.wait()
                reset(writer)
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with RawServer(behave) as server, rig(server.url, patience=0.05) as pool, asyncio.timeout(SECONDS):
        first, left = pool.ask("first"), pool.ask("left")
        while len(came) < 2:
            await asyncio.sleep(0)
        first_is_free.set()
        response(await first)
        dead = pool.ask("dead")
        pool.pool.sweep(pool.loop.time() + 0.1)
        may_reset.set()
        assert response(await dead).status == 200
        assert not left.done()


async def test_a_connection_is_renewed_after_its_lifetime_and_no_request_interrupted() -> None:
    release = asyncio.Event()

    async def script(arrival: Arrival) -> Reply:
        if arrival.target == "/slow":
            await release.wait()
        return Reply()

    async with Endpoint(script) as endpoint, rig(endpoint.url, lifetime=lambda: 1e-6) as pool:
        slow = pool.ask("slow")
        await endpoint.received(1)
        pool.pool.sweep(pool.loop.time() + 0.5 * SECONDS)
        release.set()
        response(await slow)
        response(await pool.ask("next"))
    assert endpoint.connections == 2
    assert pool.endings == {Ending.MAX_AGE: 2}


async def test_what_is_idle_beyond_its_lifetime_is_ended_by_a_sweep() -> None:
    async with Endpoint() as endpoint, rig(endpoint.url, lifetime=lambda: 5.0) as pool:
        await pool.ask()
        pool.pool.sweep(pool.loop.time() + 4.0)
        assert pool.pool.opened == 1
        pool.pool.sweep(pool.loop.time() + 6.0)
        assert pool.endings == {Ending.MAX_AGE: 1}


async def test_without_a_lifetime_each_connection_carries_one_request() -> None:
    async with Endpoint() as endpoint, rig(endpoint.url, lifetime=lambda: 0.0) as pool:
        await asyncio.gather(*(pool.ask() for _ in range(20)))
    assert endpoint.connections == 20
    assert pool.endings == {Ending.ANSWERED: 20}


async def test_no_more_are_opened_than_wait_nor_than_may_be() -> None:
    async with Endpoint() as endpoint, rig(endpoint.url, most=3) as pool:
        pool.gate.opened.clear()
        one = pool.ask()
        await asyncio.sleep(0)
        assert pool.gate.asked == 1
        rest = [pool.ask() for _ in range(9)]
        await asyncio.sleep(0)
        assert pool.gate.asked == FIRST
        pool.gate.opened.set()
        await asyncio.gather(one, *rest)
        assert pool.gate.asked == endpoint.connections <= 3


async def test_a_connection_that_cannot_be_opened_costs_one_request_its_answer() -> None:
    async with Endpoint() as endpoint:
        url = endpoint.url
    async with rig(url, most=1) as pool:
        answers = await asyncio.gather(*(pool.ask() for _ in range(3)))
    assert [error(answer).reason for answer in answers] == ["connect"] * 3
    assert pool.gate.asked == 3


async def test_what_waits_for_a_connection_is_not_sent_once_nothing_may_be_sent() -> None:
    async with Endpoint() as endpoint, rig(endpoint.url) as pool:
        pool.gate.opened.clear()
        frozen = pool.ask("frozen")
        pool.may_send = False
        pool.gate.opened.set()
        assert error(await frozen).reason == "connect_timeout"
        pool.may_send = True
        response(await pool.ask("later"))
    assert targets(endpoint) == ["/later"]


async def test_nothing_is_sent_after_its_deadline() -> None:
    async with Endpoint() as endpoint, rig(endpoint.url) as pool:
        pool.gate.opened.clear()
        late, early = pool.ask("late", seconds=0.0), pool.ask("early")
        pool.gate.opened.set()
        assert error(await late).message.startswith("no connection to")
        response(await early)
    assert targets(endpoint) == ["/early"]


async def test_who_waits_too_long_is_answered_by_the_next_sweep() -> None:
    async with Endpoint() as endpoint, rig(endpoint.url) as pool:
        pool.gate.opened.clear()
        answers = [pool.ask(seconds=seconds) for seconds in (1.0, 3.0, 2.0)]
        pool.pool.sweep(pool.loop.time() + 2.5)
        assert [answer.done() for answer in answers] == [True, False, True]
        assert error(answers[0].result()).reason == "connect_timeout"


async def test_who_is_not_answered_in_time_is_by_the_next_sweep_and_its_connection_ended() -> None:
    came = asyncio.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        came.set()
        await silent(reader, writer)

    async with RawServer(behave) as server, rig(server.url) as pool:
        answer = pool.ask()
        async with asyncio.timeout(SECONDS):
            await came.wait()
        pool.pool.sweep(pool.loop.time() + 0.9 * SECONDS)
        assert not answer.done()
        while not answer.done():
            pool.pool.sweep(pool.loop.time() + 1.1 * SECONDS)
            await asyncio.sleep(0)
        assert error(await answer).reason == "answer_timeout"
    assert pool.pool.is_empty


async def test_what_was_idle_too_long_is_ended_by_a_sweep() -> None:
    async with Endpoint() as endpoint, rig(endpoint.url, keepalive=5.0) as pool:
        await pool.ask()
        pool.pool.sweep(pool.loop.time() + 4.0)
        assert not pool.pool.is_empty
        pool.pool.sweep(pool.loop.time() + 6.0)
        assert pool.pool.is_empty


async def test_a_second_try_goes_out_on_a_new_connection_and_before_all_others() -> None:
    order: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            order.append((await reader.readuntil(b"\r\n\r\n{}")).split()[1])
            if order.count(b"/dead") == 1 and order[-1] == b"/dead":
                reset(writer)
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with RawServer(behave) as server, rig(server.url, most=1) as pool:
        await pool.ask("first")
        answers = await asyncio.gather(pool.ask("dead"), pool.ask("behind"))
    assert [response(answer).status for answer in answers] == [200, 200]
    assert order == [b"/first", b"/dead", b"/dead", b"/behind"]
    assert server.connections == 2
    assert (pool.heard.second_tries, pool.heard.opened) == (1, 2)
    assert pool.endings[Ending.SERVER] == 1


async def test_calling_off_what_waits_leaves_the_others_in_order() -> None:
    async with Endpoint() as endpoint, rig(endpoint.url, most=1) as pool:
        answers = [pool.ask(str(n)) for n in range(5)]
        pool.exchanges[1].cancel()
        pool.exchanges[3].cancel()
        await asyncio.gather(answers[0], answers[2], answers[4])
    assert targets(endpoint) == ["/0", "/2", "/4"]
    assert not answers[1].done()


async def test_calling_off_what_is_under_way_makes_room_for_who_waits() -> None:
    def script(arrival: Arrival) -> Reply | asyncio.Future[Reply]:
        return asyncio.get_running_loop().create_future() if arrival.target == "/slow" else Reply()

    async with Endpoint(script) as endpoint, rig(endpoint.url, most=1) as pool:
        slow, next_ = pool.ask("slow"), pool.ask("next")
        await endpoint.received(1)
        pool.exchanges[0].cancel()
        response(await next_)
        assert not slow.done()


async def test_shrinking_ends_what_is_idle_and_nothing_else() -> None:
    release = asyncio.Event()

    async def script(arrival: Arrival) -> Reply:
        if arrival.target == "/slow":
            await release.wait()
        return Reply()

    async with Endpoint(script) as endpoint, rig(endpoint.url) as pool:
        slow = pool.ask("slow")
        await endpoint.received(1)
        await pool.ask("quick")
        pool.pool.shrink()
        release.set()
        assert response(await slow).status == 200
        await pool.ask("again")
    assert endpoint.connections == 2


async def test_a_connection_that_ended_while_idle_is_not_used() -> None:
    behave = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    async with RawServer(behave) as server, rig(server.url) as pool:
        response(await pool.ask())
        async with asyncio.timeout(SECONDS):
            while not pool.pool.is_empty:
                await asyncio.sleep(0.001)
        response(await pool.ask())
    assert server.connections == 2


async def test_closing_answers_all_and_dials_no_more() -> None:
    async with Endpoint(hanging) as endpoint, rig(endpoint.url, most=1) as pool:
        answers = [pool.ask() for _ in range(3)]
        await endpoint.received(1)
        await pool.pool.close(TransportError("reset", "closed"))
        assert [error(answer.result()).message for answer in answers] == ["closed"] * 3
        await asyncio.sleep(0)
        assert pool.gate.asked == 1
        assert pool.pool.is_empty


async def test_an_answer_that_calls_off_others_leaves_the_sweep_at_its_work() -> None:
    async with Endpoint() as endpoint, rig(endpoint.url) as pool:
        pool.gate.opened.clear()
        late, called_off, last = (pool.ask(seconds=1.0) for _ in range(3))
        pool.exchanges[0].answered = lambda _: pool.exchanges[1].cancel()
        pool.pool.sweep(pool.loop.time() + 2.0)
        assert (late.done(), called_off.done(), last.done()) == (False, False, True)
