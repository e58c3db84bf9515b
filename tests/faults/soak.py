"""The soak: a backlog far larger than what a processor may hold, and an endpoint that is slow for long.

    python -m tests.faults.soak --minutes 30

Memory, threads and open files are taken every ten seconds; after a warm-up the memory has to stay where it
is: less than 1 MiB in ten minutes. Exit status 1: it does not, or the ledger found something.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.faults.events import Plan
from tests.faults.ledger import Verdict
from tests.faults.scene import Member, Scene, report
from tests.support import apache_kafka as kafka
from tests.support.apache_kafka import Broker

MEGABYTE = 1024 * 1024
SAMPLE_SECONDS = 10.0
TEN_MINUTES = 600.0
MOST_SLOPE = 1.0
EXPECTED = {"unseen", "stuck"}
"""Of a backlog that is not worked off."""


class Sample(NamedTuple):
    """How the processor stood at a moment."""

    second: float
    rss: int
    threads: int
    files: int
    settled: int


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--warm-up", type=float, default=None, help="minutes; a fifth of all unless told")
    parser.add_argument("--events", type=int, default=1_500_000, help="of some 1,000 bytes")
    parser.add_argument("--pace", type=float, default=30.0, help="answers a second")
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(words)


async def soak(
    asked: argparse.Namespace, broker: Broker, folder: Path
) -> tuple[list[Sample], Scene, Verdict]:
    """Produce, deliver slowly, sample; then stop and judge."""
    plan = Plan(asked.seed, asked.events, keys=50_000, pad=(800, 1000))
    delivery = {"max_in_flight": 16, "max_waiting_records": 5000, "max_waiting_bytes": 8 * MEGABYTE}
    setup = {"pace": asked.pace}
    async with Scene(
        broker, folder, plan, partitions=asked.partitions, receiver=setup, delivery=delivery
    ) as scene:
        await _until_produced(scene)
        member = await scene.join()
        samples = await _sampled(scene, member, asked.minutes * 60)
        if status := await scene.terminate(member):
            raise RuntimeError(f"status {status} after SIGTERM")
        verdict = await scene.judge()
    return samples, scene, verdict


async def _until_produced(scene: Scene) -> None:
    while scene.feed.acknowledged < scene.plan.events:
        if scene.feed.error:
            raise RuntimeError(scene.feed.error)
        await asyncio.sleep(0.5)


async def _sampled(scene: Scene, member: Member, seconds: float) -> list[Sample]:
    samples, began = [], time.monotonic()
    while (second := time.monotonic() - began) < seconds:
        found, settled = member.measure(), (await scene.receiver.progress()).settled
        if not found:
            raise RuntimeError(f"the processor has ended: {member.log()[-20:]}")
        samples.append(Sample(second, found["rss"], found["threads"], found["files"], settled))
        if len(samples) % 6 == 1:
            sys.stderr.write(f"{samples[-1]}\n")
        await asyncio.sleep(SAMPLE_SECONDS)
    return samples


def slope(samples: Sequence[Sample]) -> float:
    """MiB in ten minutes, by least squares."""
    if len(samples) < 2:
        return 0.0
    mean_x = sum(sample.second for sample in samples) / len(samples)
    mean_y = sum(sample.rss for sample in samples) / len(samples)
    spread = sum((sample.second - mean_x) ** 2 for sample in samples)
    together = sum((sample.second - mean_x) * (sample.rss - mean_y) for sample in samples)
    return together / spread * TEN_MINUTES / MEGABYTE


def table(samples: Sequence[Sample], warm_up: float, backlog: int) -> str:
    """The result in Markdown; some twenty of the samples."""
    lines = ["| minute | RSS, MiB | threads | files | delivered |", "|---|---|---|---|---|"]
    lines += [
        f"| {sample.second / 60:.1f} | {sample.rss / MEGABYTE:.1f} | {sample.threads} "
        f"| {sample.files} | {sample.settled:,} |"
        for sample in samples[:: max(1, len(samples) // 20)]
    ]
    after = [sample for sample in samples if sample.second >= warm_up]
    most = max(sample.rss for sample in samples) / MEGABYTE
    lines.append(
        f"\nBacklog {backlog / MEGABYTE:,.0f} MiB, most RSS {most:.1f} MiB; after a warm-up of "
        f"{warm_up / 60:.1f} minutes {slope(after):+.2f} MiB in ten minutes (allowed: {MOST_SLOPE})."
    )
    return "\n".join(lines)


async def main(asked: argparse.Namespace) -> int:
    """Run it; the exit status."""
    broker = kafka.start()
    if broker is None:
        sys.stderr.write(f"no Apache Kafka: {kafka.way()}\n")
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            samples, scene, verdict = await soak(asked, broker, Path(folder))
    finally:
        broker.stop()
    warm_up = 60 * (asked.minutes / 5 if asked.warm_up is None else asked.warm_up)
    for verdict_name in EXPECTED:
        verdict.counts.pop(verdict_name, None)
    sys.stdout.write(table(samples, warm_up, asked.events * 950) + "\n")
    sys.stdout.write(report(scene, verdict))
    grows = slope([sample for sample in samples if sample.second >= warm_up]) >= MOST_SLOPE
    return 1 if grows or verdict.counts else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(arguments())))
