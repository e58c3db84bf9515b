"""The whole house on this machine: an embedded broker, an endpoint, the processor, some hundred events.

What it says has to add up: the records produced, the requests that came out at the endpoint, the dead
letters and positions as read back from the broker, and what the processor says of itself.
"""

import asyncio
import math
import signal
import time
from collections import deque
from contextlib import AsyncExitStack
from itertools import islice
from random import Random

from aiohttp import ClientError, ClientSession
from confluent_kafka import KafkaException

from processor.app import App
from processor.config import loading
from processor.config.settings import PREFIX, Settings
from processor.core.letters.redelivery import RedeliveryPolicy
from processor.core.letters.selection import SelectionPolicy
from processor.demo.endpoint import (
    REFUSED,
    Account,
    Endpoint,
    Facts,
    Metrics,
    Sample,
    Visit,
    altered,
    discrepancies,
    disordered,
    read,
    samples,
    title,
)
from processor.demo.screen import Counts, Mood, Row, Screen
from processor.demo.topics import DEAD_LETTER_TOPIC, GROUP, PARTITIONS, TOPIC, Letter, Topics
from processor.errors import FatalError
from processor.kafka.embedded import EmbeddedBroker
from processor.letters.redelivery import Plan, redeliver
from processor.logs import output
from processor.telemetry import definitions

TICK_SECONDS = 0.1
FIRST, FIRST_TICKS = 3, 8
"""The events of the documentation, and how long they are alone, to be seen."""
TICKS, EVENTS_A_TICK, BURST = 70, 7, 307
TRICKLE_TICKS = 3
"""With --keep an event is produced every so many ticks."""
PATIENCE_SECONDS = 10.0
"""How long anything may take before it counts as not happening."""
AGAIN_RATE, AGAIN_SECONDS = 200.0, 60.0
"""Dead letters sent again in a second, and how long all of them may take."""
MENDED_COMMAND = "`webhook-processor letters redeliver --code refused`"
INTERRUPTED = 130
PAGES = ("/livez", "/readyz", "/metrics")


class _Demo:
    """One showing."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._samples = samples(Random())  # noqa: S311
        self._produced = 0
        self._due: dict[str, tuple[Sample, float]] = {}
        self._sent: deque[Sample] = deque()
        self._visits: deque[Visit] = deque()
        self._letters: deque[Letter] = deque()
        self._metrics: Metrics = {}

    async def open(self, rooms: AsyncExitStack) -> asyncio.Task[None]:
        """Start everything, wait until the processor is ready, and return it; `rooms` closes all."""
        broker = rooms.enter_context(EmbeddedBroker())
        broker.create_topic(TOPIC, PARTITIONS)
        broker.create_topic(DEAD_LETTER_TOPIC, 1)
        self._broker = broker.bootstrap_servers
        self._topics = Topics(self._broker)
        rooms.callback(self._topics.close)
        self._endpoint = Endpoint(self._visited, Random())  # noqa: S311
        rooms.push_async_callback(self._endpoint.close)
        self._settings = _settings(self._broker, await self._endpoint.open())
        app = App(self._settings)
        self._session = await rooms.enter_async_context(ClientSession())
        processor = _start(app, rooms)
        while not (processor.done() or await self._is_ready(app)):  # noqa: ASYNC110
            await asyncio.sleep(TICK_SECONDS)
        return processor

    async def play(self, *, keep: bool) -> int:
        """Show everything; the exit status."""
        with self._screen:
            self._screen.says_where(f"{self._address} has {' '.join(PAGES)}")
            await self._produce()
            await self._settle()
        facts = await self._facts()
        if not (problems := discrepancies(facts)):
            facts = await self._bring_back(facts)
            problems = discrepancies(facts)
        self._screen.conclude(facts, problems, self._address, self._broker, keep=keep)
        if keep and not problems:
            with self._screen:
                await self._trickle()
        return 1 if problems else 0

    async def _produce(self) -> None:
        self._send(FIRST)
        await self._watch(FIRST_TICKS)
        for _ in range(TICKS):
            for _ in range(EVENTS_A_TICK):
                self._send(1)
                await asyncio.sleep(TICK_SECONDS / EVENTS_A_TICK)
            await self._look()
        self._send(BURST)

    async def _settle(self) -> None:
        """Wait until everything is settled, committed and read back, or nothing more happens."""
        settled, deadline = -1.0, math.inf
        while time.monotonic() < deadline:
            await self._watch(1)
            self._positions = await asyncio.to_thread(self._topics.positions)
            before, settled = settled, self._metrics[definitions.DELIVERIES.name].total()
            if settled >= self._produced and self._positions.are_reached(len(self._letters)):
                break
            if settled > before:
                deadline = time.monotonic() + PATIENCE_SECONDS

    async def _bring_back(self, facts: Facts) -> Facts:
        """Mend the endpoint, send the letters again that it refused, and see what comes of that."""
        refused = [sample.id for sample in self._sent if sample.outcome == REFUSED]
        self._screen.say(f"The endpoint is mended: {MENDED_COMMAND} sends {len(refused)} dead letters again.")
        self._endpoint.mend()
        earlier = len(self._visits)
        plan = Plan(
            policy=RedeliveryPolicy(SelectionPolicy(codes=frozenset(("refused",)))),
            group=f"{GROUP}.letters.refused",
            rate=AGAIN_RATE,
        )
        never = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(AGAIN_SECONDS):
            await redeliver(self._settings, plan, lambda _: None, never)
        visits = list(self._visits)[earlier:]
        return facts._replace(
            refused=refused,
            came_back=[visit.id for visit in visits if visit.status == 200],
            altered=[*facts.altered, *altered(self._sent, visits, ())],
        )

    async def _trickle(self) -> None:
        """Go on for ever, and remember nothing."""
        self._sent, self._visits, self._letters = deque(maxlen=0), deque(maxlen=0), deque(maxlen=0)
        while True:
            self._send(1)
            await self._watch(TRICKLE_TICKS)

    async def _watch(self, ticks: int) -> None:
        for _ in range(ticks):
            await asyncio.sleep(TICK_SECONDS)
            await self._look()

    def _send(self, number: int) -> None:
        for sample in islice(self._samples, number):
            self._topics.produce(sample)
            self._sent.append(sample)
            self._produced += 1
            if sample.value is not None:
                self._due[sample.id] = (sample, time.monotonic())

    async def _look(self) -> None:
        self._metrics = read((await self._page("/metrics"))[1])
        for letter in self._topics.letters():
            self._came_back(letter)
        self._screen.count(Counts.of(self._produced, self._metrics))

    def _visited(self, visit: Visit) -> None:
        self._visits.append(visit)
        now = time.monotonic()
        _, produced_at = self._due.get(visit.id, (None, now))
        self._screen.show(visit.id, Row.of_visit(visit, now - produced_at))
        if visit.status == 200:
            self._due.pop(visit.id, None)

    def _came_back(self, letter: Letter) -> None:
        self._letters.append(letter)
        for sample, _ in list(self._due.values()):
            if sample.value == letter.value:
                del self._due[sample.id]
                name = title(sample.event) or "(not JSON)"
                row = Row(name, letter.key, letter.attempts, f"→ {letter.reason}", None, Mood.NEVER)
                self._screen.show(sample.id, row)

    async def _facts(self) -> Facts:
        delivered = sum(visit.status == 200 for visit in self._visits)
        skipped = self._metrics[definitions.RECORDS_SKIPPED.name]["tombstone"]
        found = Account.found(self._visits, [letter.reason for letter in self._letters], skipped)
        return Facts(
            produced=self._produced,
            keys=len({sample.key for sample in self._sent}),
            expected=Account.expected(self._sent, self._visits),
            found=found,
            reported=Account.reported(self._metrics),
            repeated=delivered - found.delivered,
            altered=altered(self._sent, self._visits, [letter.value for letter in self._letters]),
            disordered=disordered(self._sent, self._visits),
            ends=self._positions.ends,
            committed=self._positions.committed,
            statuses={page: (await self._page(page))[0] for page in PAGES},
        )

    async def _is_ready(self, app: App) -> bool:
        if not hasattr(app, "admin_port"):
            return False
        self._address = f"http://127.0.0.1:{app.admin_port}"
        return (await self._page("/readyz"))[0] == 200

    async def _page(self, path: str) -> tuple[int, str]:
        async with self._session.get(self._address + path) as response:
            return response.status, await response.text()


def _settings(bootstrap_servers: str, url: str) -> Settings:
    said = {
        "KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
        "KAFKA__GROUP_ID": GROUP,
        "KAFKA__TOPICS": TOPIC,
        "KAFKA__CLIENT": '{"fetch.wait.max.ms": 5}',  # the embedded broker answers a fetch no sooner
        "DEAD_LETTER__TOPIC": DEAD_LETTER_TOPIC,
        "DESTINATION__URL": url,
        "DESTINATION__URL_IS_SECRET": "false",
        "DELIVERY__DRAIN_TIMEOUT": "5",
        "RETRY__INITIAL_BACKOFF": "0.2",
        "ADMIN__HOST": "127.0.0.1",
        "ADMIN__PORT": "0",
    }
    return loading.load(None, {PREFIX + name: value for name, value in said.items()})


def _start(app: App, rooms: AsyncExitStack) -> asyncio.Task[None]:
    """The running processor; `rooms` stops it, and raises what it died of."""
    stop = asyncio.get_running_loop().create_future()
    processor = asyncio.create_task(app.run(stop))

    async def leave() -> None:
        stop.set_result(None)
        await processor

    rooms.push_async_callback(leave)
    return processor


async def _run(screen: Screen, keep: bool) -> int:
    screen.introduce()
    async with AsyncExitStack() as rooms:
        showing = _Demo(screen)
        async with asyncio.timeout(PATIENCE_SECONDS):
            processor = await showing.open(rooms)
        play = asyncio.create_task(showing.play(keep=keep))
        rooms.push_async_callback(_cancelled, play)
        await asyncio.wait((play, processor), return_when=asyncio.FIRST_COMPLETED)
        if not play.done():
            raise FatalError("the processor stopped by itself")
        return play.result()


async def _cancelled(task: asyncio.Task[int]) -> None:
    task.cancel()
    await asyncio.wait((task,))


def demo(keep: bool) -> int:
    """Show it; the exit status: 0 everything adds up, 1 it does not, 130 Ctrl-C (with `keep` 0)."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    output.configure("error", "text")
    screen = Screen()
    try:
        return asyncio.run(_run(screen, keep))
    except KeyboardInterrupt:
        return 0 if keep else INTERRUPTED
    except (ClientError, FatalError, KafkaException) as error:
        reason = str(error)
    except TimeoutError:
        reason = "nothing answered in time"
    screen.say(f"The demo could not go on: {reason}", "bold red")
    return 1
