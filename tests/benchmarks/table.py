"""The medians of all runs as Markdown tables, with the ratio to ours in the same round."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from tests.benchmarks.contender import OURS
from tests.benchmarks.kills import Kill
from tests.benchmarks.measure import Run

NOTHING = "–"
RUN_HEAD = (
    "scenario",
    "contender",
    "CPU µs / event",
    "× ours",
    "events/s",
    "peak MiB",
    "lost",
    "twice",
    "out of order",
)
LATENCY_HEAD = (
    "scenario",
    "contender",
    "to the request, p50 / p99",
    "after the acknowledgement",
    "end to end",
)
LATENCIES = ("request", "request_after_ack", "end_to_end")
KILL_HEAD = ("contender", "lost", "twice", "out of order", "silent for")


def run_table(runs: Sequence[Run], titles: Mapping[str, str]) -> str:
    """One line for each contender of each scenario; broken promises are summed over the rounds."""
    by_place = _by_place(runs)
    return markdown(
        RUN_HEAD,
        (
            (titles[scenario], contender, *_cells(found, by_place.get((scenario, OURS), [])))
            for (scenario, contender), found in by_place.items()
        ),
    )


def latency_table(runs: Sequence[Run]) -> str:
    """The same for the latencies of runs that have some."""
    return markdown(
        LATENCY_HEAD,
        (
            (scenario, contender, *(_latency(found, kind) for kind in LATENCIES))
            for (scenario, contender), found in _by_place([run for run in runs if run.latency_ms]).items()
        ),
    )


def kill_table(kills: Iterable[Kill]) -> str:
    """One line for each contender that was killed."""
    return markdown(
        KILL_HEAD,
        (
            (each.contender, *(f"{count:,}" for count in each.verdict), f"{each.silent_seconds:.0f} s")
            for each in kills
        ),
    )


def ratio(runs: Sequence[Run], ours: Sequence[Run]) -> float | None:
    """The median of the rounds' ratios of CPU per event; None where no round has both."""
    own = {run.round: run.cpu_us for run in ours}
    ratios = [run.cpu_us / own[run.round] for run in runs if run.round in own]
    return median(ratios) if ratios else None


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines))


def _by_place(runs: Sequence[Run]) -> dict[tuple[str, str], list[Run]]:
    places: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        places[run.scenario, run.contender].append(run)
    return places


def _cells(runs: Sequence[Run], ours: Sequence[Run]) -> tuple[str, ...]:
    found = ratio(runs, ours)
    return (
        f"{median(run.cpu_us for run in runs):.1f}",
        NOTHING if found is None else f"{found:.2f}",
        f"{median(run.events_per_second for run in runs):,.0f}",
        f"{median(run.peak_mib for run in runs):.0f}",
        *(f"{sum(column):,}" for column in zip(*(run.verdict for run in runs), strict=True)),
    )


def _latency(runs: Sequence[Run], kind: str) -> str:
    p50, p99 = (median(run.latency_ms[f"{kind}_{name}"] for run in runs) for name in ("p50", "p99"))
    return f"{p50:.2f} / {p99:.2f} ms"
