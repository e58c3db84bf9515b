"""What the demo shows: a table that lives on a terminal, or plain lines anywhere else."""

import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from types import TracebackType
from typing import NamedTuple, Self

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from processor.demo.endpoint import Facts, Metrics, Visit, title
from processor.telemetry import definitions

RATE_SECONDS = 1.0
LATENCIES = 2000
FIXED_LINES = 15
"""Lines of the live screen beside the rows of the two tables."""
SECONDS_PER_LINE = 1.0
"""How often a line is written where no table can live."""


INTRODUCTION = """\
webhook-processor: every event of a Kafka topic goes to a webhook, none is lost.
Here 800 events pass an embedded broker and an endpoint that is sometimes too
busy (503) and refuses some (400); those become dead letters in events.dlq."""


class Mood(Enum):
    """How an attempt went, as a colour."""

    DONE = "green"
    AGAIN = "yellow"
    NEVER = "red"


class Row(NamedTuple):
    """The latest of one event; `latency` in seconds from its record to the answer, if there was one."""

    event: str
    key: str
    attempts: int
    status: str
    latency: float | None
    mood: Mood

    @property
    def is_plain(self) -> bool:
        """Whether it was delivered at the first attempt, as most are."""
        return self.mood is Mood.DONE and self.attempts == 1

    @classmethod
    def of_visit(cls, visit: Visit, latency: float) -> Self:
        """The row after this answer of the endpoint."""
        mood = {200: Mood.DONE, 503: Mood.AGAIN}.get(visit.status, Mood.NEVER)
        return cls(title(visit.event), visit.key, visit.attempt, str(visit.status), latency, mood)


class Counts(NamedTuple):
    """How many, up to now."""

    produced: int
    delivered: int
    dead_letters: Mapping[str, int]
    skipped: int
    retried: int
    in_flight: int

    @classmethod
    def of(cls, produced: int, metrics: Metrics) -> Self:
        """By what the processor says."""
        outcomes = metrics[definitions.DELIVERIES.name]
        return cls(
            produced,
            outcomes["delivered"],
            metrics[definitions.DEAD_LETTERS.name],
            outcomes["skipped"],
            metrics[definitions.RETRIES.name].total(),
            metrics["in_flight"].total(),
        )


class Screen:
    """Rows and counts on standard output; within `with` they live, if that is a terminal."""

    def __init__(self) -> None:
        is_terminal = sys.stdout.isatty()
        self._console = Console(highlight=False, soft_wrap=not is_terminal)
        self._is_live = is_terminal and not self._console.is_dumb_terminal
        self._live: Live | None = None
        self._plain: dict[str, Row] = {}
        self._special: dict[str, Row] = {}
        self._latencies: deque[float] = deque(maxlen=LATENCIES)
        self._answers: deque[float] = deque()
        self._started_at = self._said_at = time.monotonic()
        self._pages = ""

    def __enter__(self) -> Self:
        if self._is_live:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def say(self, line: str, style: str = "") -> None:
        """Write a line that stays."""
        self._console.print(Text(line, style))
        sys.stdout.flush()

    def introduce(self) -> None:
        """Say what is to be seen."""
        what, _, how = INTRODUCTION.partition("\n")
        self.say(what, "bold")
        self.say(how, "dim")

    def says_where(self, pages: str) -> None:
        """Show from now on where the pages for operators are."""
        self._pages = pages

    def conclude(
        self, facts: Facts, problems: Sequence[str], address: str, broker: str, *, keep: bool
    ) -> None:
        """Write what it came to, and where the pages and the broker are."""
        self._console.print()
        self._console.print(_summary(facts), soft_wrap=False)
        self._console.print()
        for problem in problems:
            self.say(f"does not add up: {problem}", "bold red")
        if not problems:
            self.say(f"Everything adds up: {_sum(facts)}", "bold green")
        for line in _where(address, broker, keep=keep):
            self.say(line)

    def show(self, message: str, row: Row) -> None:
        """Put the latest of an event into the table; `message` is the event's id."""
        rows = self._plain if row.is_plain else self._special
        if row.latency is None:
            rows[message] = row._replace(latency=rows[message].latency) if message in rows else row
        else:
            rows[message] = row
            self._note(row.latency, row.mood)
        limit = self._rows_each()
        while len(rows) > limit:
            del rows[next(iter(rows))]

    def _note(self, latency: float, mood: Mood) -> None:
        self._answers.append(time.monotonic())
        if mood is Mood.DONE:
            self._latencies.append(latency)

    def count(self, counts: Counts) -> None:
        now = time.monotonic()
        while self._answers and self._answers[0] < now - RATE_SECONDS:
            self._answers.popleft()
        if self._live:
            self._live.update(self._picture(counts), refresh=True)
        elif not self._is_live and now - self._said_at >= SECONDS_PER_LINE:
            self._said_at = now
            self.say(f"{now - self._started_at:5.1f} s  {_counted(counts)}, {self._speed()}")

    def _rows_each(self) -> int:
        return max(2, min(8, (self._console.height - FIXED_LINES) // 2))

    def _speed(self) -> str:
        ranked = sorted(self._latencies)
        p50, p99 = (ranked[int(len(ranked) * part)] if ranked else 0.0 for part in (0.50, 0.99))
        rate = len(self._answers) / RATE_SECONDS
        return f"{rate:.0f} requests/s, latency p50 {_duration(p50)} p99 {_duration(p99)}"

    def _picture(self, counts: Counts) -> Group:
        return Group(
            _numbers(counts),
            Text(f" {self._speed()}"),
            Text(f" dead letters: {reasons(counts.dead_letters) or 'none'}"),
            Text(),
            self._table("at the first attempt", self._plain),
            Text(),
            self._table("retried, or → dead letter", self._special),
            Text(),
            Text(f" {self._pages}", style="dim", no_wrap=True, overflow="ellipsis"),
        )

    def _table(self, heading: str, rows: Mapping[str, Row]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, expand=True, show_edge=False, padding=(0, 1, 0, 0))
        table.add_column(f" {heading}", ratio=3, min_width=26, no_wrap=True)
        table.add_column("key", ratio=1, min_width=10, no_wrap=True)
        table.add_column("attempts", justify="right", width=8)
        table.add_column("status", ratio=2, min_width=20, no_wrap=True)
        table.add_column("latency", justify="right", width=7, no_wrap=True)
        for row in rows.values():
            latency = "" if row.latency is None else _duration(row.latency)
            status = Text(row.status, row.mood.value)
            table.add_row(Text(f" {row.event}"), Text(row.key), str(row.attempts), status, latency)
        for _ in range(self._rows_each() - len(rows)):
            table.add_row()
        return table


def _summary(facts: Facts) -> Table:
    found = facts.found
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", style="bold cyan", no_wrap=True)
    table.add_column()
    for what, number, words in (
        ("produced", facts.produced, f"records of {facts.keys} keys in {len(facts.ends)} partitions"),
        ("delivered", found.delivered, "each once, with the body, path and header its event asked for"),
        ("dead letters", sum(found.dead_letters.values()), f"read back: {reasons(found.dead_letters)}"),
        ("came back", len(facts.came_back), "of the refused: sent again once the endpoint took them"),
        ("skipped", found.skipped, "a tombstone: a record without a value"),
        ("retried", found.retried, "attempts answered 503 and followed by another"),
        (
            "in order",
            facts.keys - len(facts.disordered),
            "keys; no event was sent before the earlier of its key",
        ),
        (
            "committed",
            sum(facts.committed.values()),
            f"of {sum(facts.ends.values())}: the group's positions, read back",
        ),
    ):
        table.add_row(what, str(number), Text(words))
    return table


def _sum(facts: Facts) -> str:
    found = facts.found
    dead = sum(found.dead_letters.values())
    return (
        f"{facts.produced} produced = {found.delivered} delivered + {dead} dead letters"
        f" + {found.skipped} skipped"
    )


def _where(address: str, broker: str, *, keep: bool) -> Iterator[str]:
    yield f"Look:  {address}/live  {address}/metrics"
    yield f"       {address}/livez  {address}/readyz"
    yield f"Try:   curl -s {address}/metrics | grep {definitions.DELIVERIES.name}"
    if keep:
        yield f"Kafka: {broker}, which settings of your own may name as kafka.bootstrap_servers"
    yield (
        "Events go on trickling in; Ctrl-C ends it."
        if keep
        else "With --keep (make demo ARGS=--keep) the demo stays, to look and try."
    )


def reasons(dead_letters: Mapping[str, int]) -> str:
    """How many for which reason, the most frequent first."""
    ranked = sorted(dead_letters.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number} {reason}" for reason, number in ranked)


def _counted(counts: Counts) -> str:
    dead = sum(counts.dead_letters.values())
    return (
        f"{counts.produced} produced, {counts.delivered} delivered, {dead} dead letters, "
        f"{counts.skipped} skipped, {counts.retried} retried, {counts.in_flight} in flight"
    )


def _numbers(counts: Counts) -> Table:
    grid = Table(box=None, expand=True, padding=(0, 1), pad_edge=False, header_style="dim")
    numbers = counts._replace(dead_letters={})._asdict() | {"dead_letters": sum(counts.dead_letters.values())}
    styles = {"delivered": "bold green", "dead_letters": "bold red", "retried": "bold yellow"}
    for name in numbers:
        grid.add_column(name.replace("_", " "), justify="right", style=styles.get(name, "bold"))
    grid.add_row(*map(str, numbers.values()))
    return grid


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
