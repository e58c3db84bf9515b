"""The kill campaign: a long run under every fault of processors and brokers, and a table of what came of it.

    python -m tests.faults.campaign --events 1000000 --kills 200

Two processors of one group, 12 partitions, an endpoint that answers some events with 503 once, some not at
all although it did the work, and some with 400 for good. Every so many events one processor is killed (kill
-9), stopped (SIGTERM) or frozen beyond its session (SIGSTOP), and now and then the broker is killed or
paused. Beside it dead letters are sent again, to an endpoint of their own. The same seed gives the same
events and faults; the moments differ. Exit status 1: a promise broke.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.events import Plan
from tests.faults.ledger import EVERYONE, Verdict
from tests.faults.redelivery import Redelivery
from tests.faults.scene import MAX_IN_FLIGHT, SESSION_SECONDS, Member, Scene, report
from tests.support import apache_kafka as kafka
from tests.support.apache_kafka import Cluster

KINDS = ("SIGKILL", "SIGTERM", "SIGSTOP")
SHARES = (0.70, 0.15, 0.15)
BROKER_KINDS = ("broker SIGKILL", "broker SIGSTOP")
AHEAD = 40_000
MOST_DELIVERED_BEFORE = 400
"""A processor has delivered up to so many events before it is met; often few, sometimes none."""
PATIENCE_SECONDS = 180.0
PER_SECOND = 1.5
MEGABYTE = 1024 * 1024


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=200, help="of processors: -9, TERM, STOP")
    parser.add_argument("--broker-faults", type=int, default=None, help="one for every 20 kills")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--processors", type=int, default=2)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--keys", type=int, default=50_000)
    parser.add_argument("--protocol", choices=("classic", "consumer"), default="classic")
    parser.add_argument("--delay", type=float, default=0.01, help="seconds that the endpoint takes")
    parser.add_argument("--seed", type=int, default=None)
    return parser.parse_args(words)


class Campaign:
    """One run."""

    def __init__(self, asked: argparse.Namespace, cluster: Cluster, folder: Path) -> None:
        self.asked = asked
        self.seed = random.randrange(1_000_000) if asked.seed is None else asked.seed
        self.chance = random.Random(self.seed)
        self.cluster = cluster
        self.folder = folder
        plan = Plan(self.seed, asked.events, keys=asked.keys, slow=0.01, slow_seconds=0.3)
        self.scene = Scene(
            cluster,
            folder,
            plan,
            partitions=asked.partitions,
            ahead=min(AHEAD, asked.events),
            receiver={"delay": asked.delay},
            kafka={"group_protocol": asked.protocol},
            dead_letter={"write_timeout": 5},
            retry={"initial_backoff": 0.05, "max_backoff": 1.0, "max_attempts": None, "max_elapsed": None},
        )
        self.slots: list[Member] = []
        self.busy: set[int] = set()
        self.began = time.monotonic()

    async def run(self) -> Verdict:
        """Everything, and the verdict."""
        async with self.scene, Redelivery(self.scene, self.folder, random.Random(self.seed)) as letters:
            self.slots = [await self.scene.join() for _ in range(self.asked.processors)]
            measuring = asyncio.create_task(self._measure())
            await self._strike()
            verdict = await self.scene.finish(PATIENCE_SECONDS)
            self.brought_back = await letters.finish()
            measuring.cancel()
        return verdict

    async def _strike(self) -> None:
        """All faults, spread over the events; those that take a while go on beside each other."""
        async with asyncio.TaskGroup() as strikes:
            for number, kind in enumerate(schedule := list(self._schedule())):
                due = round(self.asked.events * (number + 1) / (len(schedule) + 2))
                await self.scene.settled(due, within=PATIENCE_SECONDS)
                self._say(f"{number + 1}/{len(schedule)} {kind}")
                if kind in BROKER_KINDS:
                    await self._strike_broker(kind)
                else:
                    slot = await self._free_slot()
                    self.busy.add(slot)
                    strikes.create_task(self._strike_member(kind, slot))

    def _schedule(self) -> Iterator[str]:
        kills, brokers = self.asked.kills, self.asked.broker_faults
        brokers = kills // 20 if brokers is None else brokers
        kinds = self.chance.choices(KINDS, SHARES, k=kills)
        kinds += [BROKER_KINDS[number % len(BROKER_KINDS)] for number in range(brokers)]
        self.chance.shuffle(kinds)
        yield from kinds

    async def _free_slot(self) -> int:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.busy) == len(self.slots):
                await asyncio.sleep(0.1)
        return self.chance.choice([slot for slot in range(len(self.slots)) if slot not in self.busy])

    async def _strike_member(self, kind: str, slot: int) -> None:
        member = self.slots[slot]
        await self._until_at_work(member, round(MOST_DELIVERED_BEFORE * self.chance.random() ** 2))
        if kind == "SIGSTOP":
            await self.scene.freeze(member, 1.5 * SESSION_SECONDS)
        else:
            await self._end(kind, member)
            self.slots[slot] = await self.scene.join()
        self.busy.discard(slot)

    async def _end(self, kind: str, member: Member) -> None:
        if not member.is_running:
            raise RuntimeError(f"member {member.number} has ended by itself: {member.log()[-20:]}")
        if kind == "SIGKILL":
            await self.scene.kill(member)
        elif status := await self.scene.terminate(member):
            raise RuntimeError(f"status {status} after SIGTERM: {member.log()[-20:]}")

    async def _until_at_work(self, member: Member, number: int) -> None:
        """A processor that has nothing to do within some seconds is met all the same."""
        deadline = time.monotonic() + 3 * SESSION_SECONDS
        while time.monotonic() < deadline:
            if (await self.scene.receiver.progress()).by_member.get(member.number, 0) >= number:
                return
            await asyncio.sleep(0.05)

    async def _strike_broker(self, kind: str) -> None:
        node, seconds = self.chance.randint(1, self.asked.brokers), self.chance.uniform(0.5, 6.0)
        strike = self.scene.kill_broker if kind == "broker SIGKILL" else self.scene.pause_broker
        await strike(self.cluster, seconds, node)

    async def _measure(self) -> None:
        while True:
            for member in self.scene.members:
                if member.is_running:
                    member.measure()
            await asyncio.sleep(1)

    def _say(self, words: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self.began:7.1f} s  {words}\n")


def table(campaign: Campaign, verdict: Verdict) -> str:
    """The result in Markdown."""
    asked, scene, back = campaign.asked, campaign.scene, campaign.brought_back
    seconds = time.monotonic() - campaign.began
    kinds = Counter(fault.kind for fault in scene.ledger.faults)
    member_bounds = [bound for bound in verdict.bounds if bound.fault.member != EVERYONE]
    rate = asked.events / seconds
    limits = [MAX_IN_FLIGHT + PER_SECOND * max(rate, b.finished_lately / PER_SECOND) for b in member_bounds]
    beyond = sum(bound.repeats > limit for bound, limit in zip(member_bounds, limits, strict=True))
    rows: list[tuple[str, object]] = [
        ("seed", campaign.seed),
        ("events", f"{asked.events:,} over {asked.partitions} partitions, {asked.keys:,} keys"),
        ("faults", ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))),
        ("requests", f"{len(scene.ledger.receipts):,}"),
        *((name, verdict.counts[name]) for name in ("lost", "unseen", "reordered", "overlap")),
        *((name, verdict.counts[name]) for name in ("unissued", "corrupt", "duplicate", "regress", "stuck")),
        ("wrongly dead-lettered", verdict.counts["wrongly dead-lettered"]),
        ("repeats", f"{verdict.repeats:,}"),
        ("of these by faults of processors", f"{sum(bound.repeats for bound in member_bounds):,}"),
        (
            "bound: under way + finished since the last commit",
            f"{sum(b.under_way + b.finished_since for b in member_bounds):,}",
        ),
        (f"bound: faults x (max_in_flight + {PER_SECOND} s x rate)", f"{round(sum(limits)):,}"),
        ("faults beyond their own such bound", beyond),
        (
            "oldest repeated, before the fault",
            f"{verdict.longest_since_finished:.2f} s; {verdict.longer_than_calm} above {PER_SECOND} s",
        ),
        ("repeats that ambiguous answers ask for", f"{verdict.ambiguous_repeats:,}"),
        ("dead letters", dict(verdict.letters)),
        ("dead letters written twice", verdict.letter_repeats),
        ("letters that came back", f"{back.letters - len(back.missing)} of {back.letters}"),
        ("of these strange, repeated, by runs killed", f"{len(back.strange)}, {back.repeats}, {back.kills}"),
        ("most memory of a processor", f"{max(m.most_rss for m in scene.members) / MEGABYTE:.0f} MiB"),
        ("time", f"{seconds:.0f} s, {rate:,.0f} events/s"),
    ]
    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    return "\n".join(lines)


async def main(asked: argparse.Namespace) -> int:
    """Run it; the exit status."""
    cluster = kafka.start_cluster(asked.brokers)
    if cluster is None:
        sys.stderr.write(f"no Apache Kafka: {kafka.way()}\n")
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
            campaign = Campaign(asked, cluster, Path(folder))
            verdict = await campaign.run()
        sys.stdout.write(table(campaign, verdict) + "\n")
        sys.stdout.write(report(campaign.scene, verdict))
    finally:
        cluster.stop()
    return 1 if verdict.counts or not campaign.brought_back.is_whole else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(arguments())))
