"""make bench: every contender through every scenario, in turns, with the medians as a table."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.benchmarks import fed, peers
from tests.benchmarks.contender import OURS, Contender, available
from tests.benchmarks.kills import Kill, kill
from tests.benchmarks.measure import Bench, CannotStartError, Run, StuckError, opened
from tests.benchmarks.receiver import CannotBuildError
from tests.benchmarks.report import Report
from tests.benchmarks.scenario import EVENTS, Scenario, chosen

KILLS = "kill"

Outcome = Run | Kill | StuckError


def main(words: Sequence[str] | None = None) -> int:
    """The exit status: 1 where a contender got stuck, 2 where nothing can be measured."""
    wanted = _arguments().parse_args(words)
    try:
        report = _measured(wanted)
    except (CannotStartError, CannotBuildError, LookupError) as error:
        print(error, file=sys.stderr)
        return 2
    if wanted.write_docs:
        report.write_into()
    print(report.markdown())
    return 1 if report.stuck else 0


def _measured(wanted: argparse.Namespace) -> Report:
    """Everything asked for; the file has what is measured so far at any time."""
    scenarios = chosen(_names(wanted.scenarios), wanted.events, beside=(KILLS,))
    contenders = _contenders(_names(wanted.contenders))
    report = Report.of_this_machine(contenders, wanted.events)
    with opened() as bench:
        for outcome in _all_outcomes(bench, scenarios, contenders, wanted):
            _note(report, outcome)
            if wanted.json:
                report.write(wanted.json)
    return report


def _all_outcomes(
    bench: Bench, scenarios: Sequence[Scenario], contenders: Sequence[Contender], wanted: argparse.Namespace
) -> Iterator[Outcome]:
    """In turns: every contender once, then every contender again; the kills come last."""
    for scenario in scenarios:
        for number in range(wanted.runs):
            for contender in contenders:
                if contender.name == OURS or scenario.has_peers:
                    yield _outcome(partial(_run, bench, scenario, contender, number), contender)
    if not wanted.scenarios or KILLS in _names(wanted.scenarios):
        (backlog,) = chosen(["S1"], wanted.events)
        for contender in contenders:
            yield _outcome(partial(kill, bench, backlog, contender), contender)


def _run(bench: Bench, scenario: Scenario, contender: Contender, number: int) -> Run:
    run = fed.run(bench, scenario, contender) if scenario.rate else bench.run(scenario, contender)
    return replace(run, round=number)


def _outcome(measured: Callable[[], Run | Kill], contender: Contender) -> Outcome:
    """What was measured, or why that could not be done."""
    try:
        return measured()
    except (StuckError, ValueError) as error:
        return StuckError(f"{contender.name}: {error}")


def _note(report: Report, outcome: Outcome) -> None:
    """Put it into the report, and say it."""
    if isinstance(outcome, Run):
        report.runs.append(outcome)
    elif isinstance(outcome, Kill):
        report.kills.append(outcome)
    else:
        report.stuck.append(str(outcome))
    print(_line(outcome), file=sys.stderr, flush=True)


def _line(outcome: Outcome) -> str:
    if isinstance(outcome, StuckError):
        return f"STUCK {outcome}"
    if isinstance(outcome, Kill):
        return f"killed  {outcome.contender:20}{outcome.silent_seconds:7.1f} s silent  {outcome.verdict}"
    told = f"{outcome.scenario:8}{outcome.contender:20}{outcome.cpu_us:9.1f} µs/event"
    return f"{told}{outcome.events_per_second:10,.0f} events/s{outcome.peak_mib:7.0f} MiB  {outcome.verdict}"


def _contenders(names: Sequence[str]) -> list[Contender]:
    """Those that are built, of the names given; says loudly which are missing."""
    built = {each.name: each for each in available()}
    for name in names or peers.NAMES:
        if name not in built:
            print(f"LEFT OUT: {name} is not built (make peers)", file=sys.stderr)
    return [each for name, each in built.items() if not names or name in names]


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="rounds; the table has medians")
    parser.add_argument("--events", type=int, default=EVENTS, help="size of the backlog")
    parser.add_argument("--scenarios", default="", help=f"such as S1,S3,{KILLS}; all by default")
    parser.add_argument("--contenders", default="", help="comma-separated; all that are built by default")
    parser.add_argument("--json", type=Path, help="write every run to this file")
    parser.add_argument("--write-docs", action="store_true", help="replace the tables in docs/performance.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
