"""All that was measured, on which machine, with which versions; as JSON, and as a page of `docs/` tells it.

`python -m tests.benchmarks.report A.json B.json` tells what several benchmarks have found together;
with `--write-docs` it goes into `docs/performance.md`.
"""

import argparse
import json
import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from tests.benchmarks import scenario
from tests.benchmarks.contender import Contender
from tests.benchmarks.judge import Verdict
from tests.benchmarks.kills import Kill
from tests.benchmarks.measure import Run
from tests.benchmarks.table import kill_table, latency_table, run_table
from tests.support import apache_kafka as kafka

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
PLACE = re.compile("(?<=<!-- performance -->\n).*(?=<!-- /performance -->)", re.DOTALL)


@dataclass
class Report:
    """What was measured, and by what."""

    machine: str
    versions: dict[str, str]
    events: int
    runs: list[Run] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    @classmethod
    def of_this_machine(cls, contenders: Iterable[Contender], events: int) -> Self:
        """A report without runs."""
        return cls(_machine(), {each.name: each.version() for each in contenders}, events)

    @classmethod
    def read(cls, *files: Path) -> Self:
        """The reports of several files as one; where they differ, the machine is the last one's."""
        reports = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        runs = [run | {"verdict": Verdict(*run["verdict"])} for each in reports for run in each["runs"]]
        order = list(scenario.titles())
        kills = [kill | {"verdict": Verdict(*kill["verdict"])} for each in reports for kill in each["kills"]]
        return cls(
            machine=reports[-1]["machine"],
            versions={name: text for each in reports for name, text in each["versions"].items()},
            events=reports[-1]["events"],
            runs=sorted((Run(**run) for run in runs), key=lambda run: order.index(run.scenario)),
            kills=[Kill(**kill) for kill in kills],
            stuck=[text for each in reports for text in each["stuck"]],
        )

    def write(self, file: Path) -> None:
        """As JSON, every run."""
        file.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    def markdown(self) -> str:
        """Tables, then what was measured where."""
        parts = []
        if self.runs:
            parts.append(run_table(self.runs, scenario.titles()))
        if any(run.latency_ms for run in self.runs):
            parts.append(latency_table(self.runs))
        if self.kills:
            parts.append(f"After a kill -9 in the middle of S1:\n\n{kill_table(self.kills)}")
        return "\n\n".join([*parts, self._footnote()])

    def write_into(self, page: Path = PAGE) -> None:
        """Replace what stands between the markers. Raises LookupError where there are none."""
        text, count = PLACE.subn(lambda _: f"{self.markdown()}\n", page.read_text(encoding="utf-8"))
        if not count:
            raise LookupError(f"{page.name} has no place for the performance")
        page.write_text(text, encoding="utf-8")

    def _footnote(self) -> str:
        rounds = len({run.round for run in self.runs})
        versions = "; ".join(f"{name}: {text}" for name, text in self.versions.items())
        medians = f"Medians of {rounds} rounds, " if rounds else ""
        return f"{medians}{self.events:,} events. {self.machine}. {versions}."


def _machine() -> str:
    models = re.findall(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    cores = f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores"
    return f"{cores}, Linux {platform.release().partition('-')[0]}, Apache Kafka {kafka.VERSION}"


def main(words: Sequence[str] | None = None) -> None:
    """Print it, or write it into its page."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.report", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--write-docs", action="store_true")
    wanted = parser.parse_args(words)
    report = Report.read(*wanted.files)
    if wanted.write_docs:
        report.write_into()
    print(report.markdown())


if __name__ == "__main__":
    main()
