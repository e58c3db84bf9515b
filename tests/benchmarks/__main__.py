"""make bench: every contender through every scenario, in turns, with the medians as a table."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tests import apache_kafka as kafka
from tests.benchmarks import peers
from tests.benchmarks.backlog import Backlogs
from tests.benchmarks.contender import OURS, Contender, available
from tests.benchmarks.measure import Bench, Cores, Run, StuckError
from tests.benchmarks.scenario import EVENTS, Scenario, chosen
from tests.benchmarks.table import table


def main(words: Sequence[str] | None = None) -> int:
    """The exit status: 1 where a contender got stuck."""
    wanted = _arguments().parse_args(words)
    scenarios = chosen(_names(wanted.scenarios), wanted.events)
    contenders = _contenders(_names(wanted.contenders))
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, {cores.others})
    broker = kafka.start()
    if broker is None:
        sys.exit(f"no Apache Kafka: {kafka.way()}")
    runs: list[Run] = []
    status = 0
    try:
        for outcome in _all_runs(Bench(Backlogs(broker), cores), scenarios, contenders, wanted.runs):
            if isinstance(outcome, Run):
                runs.append(outcome)
            else:
                status = 1
            print(_line(outcome), file=sys.stderr, flush=True)
    finally:
        broker.stop()
    if wanted.json:
        wanted.json.write_text(json.dumps([asdict(run) for run in runs], indent=1), encoding="utf-8")
    print(table(runs, scenarios))
    return status


def _all_runs(
    bench: Bench, scenarios: Sequence[Scenario], contenders: Sequence[Contender], rounds: int
) -> Iterator[Run | StuckError]:
    """In turns: every contender once, then every contender again."""
    for scenario in scenarios:
        for _ in range(rounds):
            for contender in contenders:
                if contender.name == OURS or scenario.has_peers:
                    yield _outcome(bench, scenario, contender)


def _outcome(bench: Bench, scenario: Scenario, contender: Contender) -> Run | StuckError:
    try:
        return bench.run(scenario, contender)
    except StuckError as error:
        return StuckError(f"{scenario.name} {contender.name}: {error}")


def _line(outcome: Run | StuckError) -> str:
    if isinstance(outcome, StuckError):
        return f"STUCK {outcome}"
    told = f"{outcome.scenario:8}{outcome.contender:20}{outcome.cpu_us:9.1f} µs/event"
    return f"{told}{outcome.events_per_second:10,.0f} events/s{outcome.peak_mib:7.0f} MiB  {outcome.verdict}"


def _contenders(names: Sequence[str]) -> list[Contender]:
    """Those that are built, of the names given. Says loudly which peers are missing."""
    built = {each.name: each for each in available()}
    for name in names or (OURS, *peers.NAMES):
        if name not in built:
            print(f"LEFT OUT: {name} is not built (make peers)", file=sys.stderr)
    return [each for name, each in built.items() if not names or name in names]


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="rounds; the table has medians")
    parser.add_argument("--events", type=int, default=EVENTS, help="size of the backlog")
    parser.add_argument("--scenarios", default="", help="comma-separated, such as S1,S3; all by default")
    parser.add_argument("--contenders", default="", help="comma-separated; all that are built by default")
    parser.add_argument("--json", type=Path, help="write every run to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
