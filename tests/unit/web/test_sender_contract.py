"""What every sender promises the delivery: the fake one and the real one alike."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from processor.config.destination.endpoint import DestinationSettings
from processor.errors import TransportError
from processor.model import Answer, Request, Response
from processor.traffic.attempt import Sender
from processor.web.client import Client
from tests.support.endpoint import Endpoint, Reply
from tests.support.fakes import FakeSender, VirtualClock
from tests.support.patience import PATIENCE
from tests.unit.web.credentials.rig import opened


class FakeRig:
    """The fake, with an endpoint that answers what `statuses` says next, or never for 0."""

    def __init__(self) -> None:
        self._clock = VirtualClock()
        self.sender = FakeSender(self._clock)
        self.url = "http://h.example/"
        self._answered = 0

    async def answer(self, status: int) -> None:
        self.sender.answer(status or TransportError("reset", "gone"))

    async def open(self, count: int) -> None:
        assert len(self.sender.open) == count

    def seen(self) -> int:
        return len(self.sender.sent)

    async def close(self) -> None:
        """Nothing to close."""


class RealRig:
    """The real one."""

    def __init__(self, endpoint: Endpoint, sender: Sender) -> None:
        self._endpoint = endpoint
        self._gates: asyncio.Queue[int] = asyncio.Queue()
        self.sender = sender
        self.url = endpoint.url + "/"
        endpoint.script = lambda _: self._reply()

    async def _reply(self) -> Reply:
        status = await self._gates.get()
        if not status:
            raise ConnectionResetError
        return Reply(status)

    async def answer(self, status: int) -> None:
        await self._gates.put(status)

    async def open(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self._endpoint.in_flight != count:
                await asyncio.sleep(0.005)

    def seen(self) -> int:
        return len(self._endpoint.requests)


Rig = FakeRig | RealRig


@pytest.fixture(params=["fake", "real", "authorised"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    if request.param == "fake":
        yield FakeRig()
        return
    async with Endpoint() as endpoint:
        if request.param == "authorised":
            async with opened(endpoint.url, auth={"type": "bearer", "token": "abc"}) as credentials:
                yield RealRig(endpoint, credentials.credentials.sender)
            return
        client = Client(DestinationSettings(url=endpoint.url), 10)
        await client.open()
        yield RealRig(endpoint, client)
        await client.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


def send(rig: Rig) -> tuple[list[Answer], Callable[[], None]]:
    """Send one request; its answers so far, and the way to cancel it."""
    answers: list[Answer] = []
    sender: Sender = rig.sender
    cancel = sender.send(Request("POST", rig.url, (), b"{}"), answers.append)
    assert answers == []
    return answers, cancel


async def test_a_request_is_answered_once_and_not_before_send_returns(rig: Rig) -> None:
    answers, _ = send(rig)
    await rig.open(1)
    await rig.answer(201)
    await until(lambda: answers)
    assert answers == [Response(201, None, b"")]
    assert rig.seen() == 1


async def test_no_answer_is_a_transport_error(rig: Rig) -> None:
    answers, _ = send(rig)
    await rig.open(1)
    await rig.answer(0)
    await until(lambda: answers)
    assert isinstance(answers[0], TransportError)


async def test_a_cancelled_request_is_never_answered_and_others_go_on(rig: Rig) -> None:
    cancelled, cancel = send(rig)
    await rig.open(1)
    cancel()
    await rig.open(0)
    answers, _ = send(rig)
    await rig.open(1)
    await rig.answer(200)
    await until(lambda: answers)
    assert cancelled == []


async def test_requests_are_under_way_side_by_side(rig: Rig) -> None:
    both = [send(rig)[0], send(rig)[0]]
    await rig.open(2)
    await rig.answer(200)
    await rig.answer(200)
    await until(lambda: all(both))
