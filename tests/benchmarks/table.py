"""The medians of all runs as a Markdown table, with the ratio to ours in the same round."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from tests.benchmarks.contender import OURS
from tests.benchmarks.measure import Run
from tests.benchmarks.scenario import Scenario

HEAD = (
    "scenario",
    "contender",
    "CPU µs / event",
    "× ours",
    "events/s",
    "latency p50 / p99",
    "peak MiB",
    "lost",
    "twice",
    "out of order",
)


def table(runs: Sequence[Run], scenarios: Sequence[Scenario]) -> str:
    """One line for each contender of each scenario."""
    by_place: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        by_place[run.scenario, run.contender].append(run)
    titles = {each.name: f"{each.name} {each.title}" for each in scenarios}
    lines = [
        (titles[scenario], contender, *_cells(found, by_place.get((scenario, OURS), [])))
        for (scenario, contender), found in by_place.items()
    ]
    return "\n".join(_markdown([HEAD, ("---",) * len(HEAD), *lines]))


def ratio(runs: Sequence[Run], ours: Sequence[Run]) -> float | None:
    """The median of the rounds' ratios of CPU per event; None where ours did not run."""
    ratios = [theirs.cpu_us / own.cpu_us for theirs, own in zip(runs, ours, strict=False)]
    return median(ratios) if ratios else None


def _cells(runs: Sequence[Run], ours: Sequence[Run]) -> tuple[str, ...]:
    found = ratio(runs, ours)
    return (
        f"{median(run.cpu_us for run in runs):.1f}",
        "–" if found is None else f"{found:.2f}",
        f"{median(run.events_per_second for run in runs):,.0f}",
        _latency(runs),
        f"{median(run.peak_mib for run in runs):.0f}",
        *(f"{sum(column):,}" for column in zip(*(run.verdict for run in runs), strict=True)),
    )


def _latency(runs: Sequence[Run]) -> str:
    if not runs[0].latency_ms:
        return "–"
    p50, p99 = (median(run.latency_ms[name] for run in runs) for name in ("p50", "p99"))
    return f"{p50:.2f} / {p99:.2f} ms"


def _markdown(lines: Sequence[tuple[str, ...]]) -> Iterator[str]:
    return (f"| {' | '.join(cells)} |" for cells in lines)
