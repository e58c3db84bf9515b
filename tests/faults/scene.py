"""One run: a topic, a group, an endpoint, processors, what is done to them, and the ledger of all that."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from confluent_kafka import Message

from tests.acceptance.processor import Processor
from tests.faults.events import Plan, number_of
from tests.faults.feed import PATIENCE_SECONDS, Feed, Watch
from tests.faults.ledger import EVERYONE, NO_WAY_BACK, Fault, Finding, Ledger, Verdict
from tests.faults.receiver import Receiver
from tests.support.apache_kafka import Broker, Cluster, GuardedBroker

SESSION_SECONDS = 3.0
MAX_IN_FLIGHT = 32
POLL_SECONDS = 0.1
RETURN_SECONDS = 12.0
"""How long members may take to come back after a broker has: a session, a rebalance, a commit."""
CODE = "__webhook_processor.error.code"
TOLD = 5
TELLING = {"started", "stopping", "stopped", "rebalanced", "commit failed", "commit was not answered"}
"""Log lines that a report repeats."""
_AS_IT_IS: dict[str, str] = {}


def of_guest(broker: GuardedBroker) -> dict[str, Any]:
    """What a scene is built with whose processors log in as the broker's guest."""
    login = {name.replace(".", "_"): said for name, said in broker.guest_settings.items()}
    return {"broker": broker, "bootstrap_servers": login.pop("bootstrap_servers"), "kafka": login}


class Member(Processor):
    """A processor with a number, which it tells the endpoint."""

    def __init__(self, number: int, folder: Path, settings: dict[str, Any]) -> None:
        super().__init__(folder, settings)
        self.number = number
        self.most_rss = 0

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return hasattr(self, "_process") and self._process.returncode is None

    def measure(self) -> dict[str, int]:
        """Bytes resident now (`rss`) and at most, threads, open files; empty when it is gone."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
            files = len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208
        except OSError:
            return {}
        lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        if "VmHWM" not in lines:
            return {}
        most = int(lines["VmHWM"].split()[0]) * 1024
        self.most_rss = max(self.most_rss, most)
        rss = int(lines["VmRSS"].split()[0]) * 1024
        return {"rss": rss, "most_rss": most, "threads": int(lines["Threads"]), "files": files}


class Scene:
    """`async with` builds everything but the members; `join` brings one, `finish` waits and judges.

    `letters` configures the dead-letter topic, None: there is none. Members find the broker and the endpoint
    at `bootstrap_servers` and `url`, where something may stand between; the rest of the scene directly.
    """

    def __init__(
        self,
        broker: Broker,
        folder: Path,
        plan: Plan,
        *,
        partitions: int = 4,
        ahead: int | None = None,
        letters: dict[str, str] | None = _AS_IT_IS,
        bootstrap_servers: str = "",
        url: str = "",
        receiver: dict[str, Any] | None = None,
        **sections: dict[str, Any],
    ) -> None:
        self.broker = broker
        self.plan = plan
        self.topic = f"events-{uuid4()}"
        self.dead_letters = f"{self.topic}.dlq"
        self.group = f"group-{uuid4()}"
        self.zero = time.time()
        self.ledger = Ledger(plan)
        self.receiver = Receiver(plan, self.zero, **(receiver or {}))
        self.members: list[Member] = []
        self.bootstrap_servers = bootstrap_servers or broker.bootstrap_servers
        self.url = url
        self.standings: list[str] = []
        """How the members stood when the run got stuck."""
        self._letters = letters
        self._sections = sections
        self._folder = folder
        self._partitions = partitions
        self._ahead = plan.events if ahead is None else ahead
        self._numbers = count(1)
        self.feed = Feed(broker.settings, self.topic, self.ledger)
        self.watch = Watch(broker.settings, self.group, self.topic, self.ledger, self.zero)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._create_topics)
        await self.receiver.__aenter__()
        self.url = self.url or self.receiver.url
        self.feed.start()
        self.watch.start()
        self._pacing = asyncio.create_task(self._pace())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pacing.cancel()
        for member in self.members:
            if member.is_running:
                member.signal(signal.SIGCONT)
                await member.kill()
        await self.receiver.__aexit__(kind, error, trace)
        await asyncio.to_thread(self.feed.stop)
        await asyncio.to_thread(self.watch.stop, {})

    # Members

    async def join(self, **sections: dict[str, Any]) -> Member:
        """Another processor, started."""
        member = self.member(**sections)
        await member.start()
        return member

    def member(self, **sections: dict[str, Any]) -> Member:
        """Another processor, not started."""
        number = next(self._numbers)
        folder = self._folder / f"member-{number}"
        folder.mkdir()
        member = Member(number, folder, self.settings(number, sections))
        self.members.append(member)
        return member

    def settings(self, number: int, sections: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Of a member; sections given at the scene and here go over ours."""
        ours: dict[str, dict[str, Any]] = {
            "kafka": {
                "bootstrap_servers": self.bootstrap_servers,
                "group_id": self.group,
                "topics": [self.topic],
                "session_timeout": SESSION_SECONDS,
            },
            "dead_letter": {"topic": self.dead_letters},
            "destination": {"url": self.url, "headers": {"X-Member": str(number)}},
            "delivery": {"max_in_flight": MAX_IN_FLIGHT},
            "retry": {"initial_backoff": 0.05, "max_backoff": 1.0},
            "admin": {"host": "127.0.0.1", "port": 0},
        }
        for more in (self._sections, sections):
            ours = {name: ours.get(name, {}) | more.get(name, {}) for name in ours | more}
        return ours

    # Faults

    def now_ms(self) -> int:
        """Milliseconds since the run began."""
        return int((time.time() - self.zero) * 1000)

    async def kill(self, member: Member) -> None:
        """kill -9."""
        member.measure()
        at = self.now_ms()
        await member.kill()
        self.ledger.fault(Fault("SIGKILL", member.number, at, self.now_ms(), excuses=True))

    async def terminate(self, member: Member) -> int:
        """SIGTERM; the exit status."""
        member.measure()
        at = self.now_ms()
        status = await member.terminate()
        self.ledger.fault(Fault("SIGTERM", member.number, at, self.now_ms(), excuses=False))
        return status

    async def freeze(self, member: Member, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so long."""
        at = self.now_ms()
        member.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.ledger.fault(Fault("SIGSTOP", member.number, at, self.now_ms(), excuses=True))
        member.signal(signal.SIGCONT)

    async def broker_fault(
        self, kind: str, begin: Callable[[], None], seconds: float, end: Callable[[], None]
    ) -> None:
        """Something that meets all members for so long."""
        at = self.now_ms()
        await asyncio.to_thread(begin)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(end)
        until = self.now_ms() + round(RETURN_SECONDS * 1000)
        self.ledger.fault(Fault(kind, EVERYONE, at, until, excuses=True))

    async def kill_broker(self, cluster: Cluster, seconds: float, node: int = 1) -> None:
        """kill -9 of a node, and its restart after so long."""
        await self.broker_fault(
            "broker SIGKILL", lambda: cluster.kill(node), seconds, lambda: cluster.restart(node)
        )

    async def pause_broker(self, cluster: Cluster, seconds: float, node: int = 1) -> None:
        """SIGSTOP of a node, and SIGCONT after so long."""
        await self.broker_fault(
            "broker SIGSTOP", lambda: cluster.pause(node), seconds, lambda: cluster.resume(node)
        )

    def lost_answers(self, at_ms: int) -> None:
        """What came between `at_ms` and now, or was stuck, may have been answered in vain."""
        self.ledger.fault(Fault(NO_WAY_BACK, EVERYONE, at_ms, self.now_ms() + 500, excuses=True))

    # Waiting

    async def settled(self, number: int, within: float = PATIENCE_SECONDS) -> None:
        """Wait until the endpoint is done with so many events."""
        await self.until(self._has_settled, number, within=within)

    async def _has_settled(self, number: int) -> bool:
        return (await self.receiver.progress()).settled >= number

    async def has_asked(self, number: int) -> bool:
        """Whether the endpoint was asked so often, retries included."""
        return (await self.receiver.progress()).requests >= number

    async def until(
        self, holds: Callable[..., Coroutine[Any, Any, bool]], *args: Any, within: float = PATIENCE_SECONDS
    ) -> None:
        """Ask until it holds."""
        async with asyncio.timeout(within):
            while not await holds(*args):
                await asyncio.sleep(POLL_SECONDS)

    async def committed(self) -> dict[int, int]:
        """The group's committed offsets."""
        found = await asyncio.to_thread(self.broker.committed, self.group, self.topic)
        return {partition: offset for partition, (offset, _) in found.items()}

    async def finish(self, patience: float = PATIENCE_SECONDS, *, leave: bool = True) -> Verdict:
        """Wait until all is committed, let the members leave, judge. Never longer without a move."""
        await self._until_committed(patience)
        if leave:
            running = [member for member in self.members if member.is_running]
            statuses = [await self.terminate(member) for member in running]
            assert not any(statuses), statuses
        return await self.judge()

    async def judge(self) -> Verdict:
        """What the ledger says of it as it stands."""
        await asyncio.to_thread(self.feed.stop)
        await asyncio.to_thread(self.watch.stop, await self.committed())
        self.ledger.received(*await self.receiver.receipts())
        for message in await asyncio.to_thread(self.broker.read_all, self.dead_letters):
            value = message.value()
            n = number_of(value) if isinstance(value, bytes) else None
            self.ledger.dead_lettered(n, code_of(message))
        return self.ledger.judge()

    async def _until_committed(self, patience: float) -> None:
        moved, last = time.monotonic(), (-1, -1)
        while time.monotonic() < moved + patience:
            assert not self.feed.error, self.feed.error
            committed = await self.committed()
            if self.feed.acknowledged == self.plan.events and committed == self.ledger.ends():
                return
            now = (self.feed.acknowledged, sum(committed.values()))
            if now != last:
                moved, last = time.monotonic(), now
            await asyncio.sleep(0.25)
        for member in self.members:
            if member.is_running:
                metrics = {" ".join(name): n for name, n in (await member.metrics()).items() if n}
                gauges = {
                    name: n for name, n in metrics.items() if not name.startswith(("python", "process"))
                }
                self.standings.append(f"member {member.number}: {gauges}")

    async def _pace(self) -> None:
        """Let the feed go ahead of the endpoint by so much."""
        while self.feed.allowed < self.plan.events:
            settled = (await self.receiver.progress()).settled
            self.feed.allowed = min(self.plan.events, settled + self._ahead)
            await asyncio.sleep(POLL_SECONDS)

    def _create_topics(self) -> None:
        self.broker.create_topic(self.topic, self._partitions)
        if self._letters is not None:
            self.broker.create_topic(self.dead_letters, config=self._letters)


def code_of(letter: Message) -> str:
    """The error code of a dead letter."""
    code = dict(letter.headers() or ()).get(CODE)
    return code.decode() if isinstance(code, bytes) else ""


def report(scene: Scene, verdict: Verdict) -> str:
    """Everything wrong with the first events, what was done, and what the members said; or nothing."""
    if not verdict.counts:
        return ""
    ledger = scene.ledger
    lines = [f"seed {ledger.plan.seed}: {dict(verdict.counts)}"]
    lines += [f"{fault}" for fault in sorted(ledger.faults, key=lambda fault: fault.at_ms)]
    told: set[int] = set()
    for finding in verdict.findings[:TOLD]:
        lines.append(_told(finding))
        if finding.n is not None and ledger.is_issued(finding.n) and finding.n not in told:
            told.add(finding.n)
            lines.append(ledger.story(finding.n))
    return "\n".join([*lines, *_said(scene), *scene.standings])


def _told(finding: Finding) -> str:
    return f"{finding.verdict.upper()} {'' if finding.n is None else f'event {finding.n}'}: {finding.text}"


def _said(scene: Scene) -> Iterator[str]:
    """What the members logged of the group, by the clock of the run."""
    for member in scene.members:
        for line in member.log():
            if line["event"] in TELLING:
                second = datetime.fromisoformat(line.pop("timestamp")).timestamp() - scene.zero
                yield f"{second:10.3f}  member {member.number}: {line}"
