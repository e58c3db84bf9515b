"""`python -m tests.servers` prints the table of real servers in `docs/workers.md`."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from _pytest.outcomes import Skipped

from tests.servers.backlog import Backlog
from tests.servers.scenes import SCENES, Scene
from tests.servers.servers import nginx_that_limits
from tests.servers.traffic import AT_ONCE, Traffic

EVENTS, ROUNDS = 3000, 5
"""To a server; rounds of `AT_ONCE`, where a pause comes after each answer."""
LIMITED_SECONDS = 30.0
_COLUMNS = ("received once", "twice", "lost", "refused", "second tries", "seconds")


def table() -> Iterator[str]:
    """As Markdown, line by line."""
    titles = [f"{EVENTS:,} events, {AT_ONCE} at once", *_COLUMNS]
    yield _line(*titles)
    yield _line(*("---" for _ in titles))
    for scene in SCENES:
        try:
            yield _line(scene.name, *asyncio.run(_played(scene)))
        except Skipped as why:
            yield _line(scene.name, str(why), *("" for _ in _COLUMNS[1:]))
    for status in (503, 429):
        name = f"nginx, `limit_req` 100 a second, {status}, {LIMITED_SECONDS:.0f} seconds of a backlog"
        yield _line(name, *asyncio.run(_limited(status)))


async def _played(scene: Scene) -> list[str]:
    with tempfile.TemporaryDirectory() as folder, scene.start(Path(folder)) as server:
        traffic = Traffic(server, pause=scene.pause, most=ROUNDS * AT_ONCE if scene.pause else EVENTS)
        await traffic.play(meanwhile=server.reload if scene.is_reloaded else lambda: None)
        served = server.served(len(traffic.delivered))
    refused, again = traffic.failures.total(), str(traffic.heard.second_tries)
    return _cells(served, traffic.delivered, refused, again, traffic.seconds)


async def _limited(status: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder, nginx_that_limits(Path(folder), status) as server:
        backlog = Backlog(server)
        await backlog.play(LIMITED_SECONDS)
        served = server.served(len(backlog.delivered))
    names = [name for name, _ in backlog.delivered]
    return _cells(served, names, len(backlog.pushed_back), "–", LIMITED_SECONDS)


def _cells(served: Counter[str], names: list[str], refused: int, again: str, seconds: float) -> list[str]:
    once = sum(number == 1 for number in served.values())
    lost = len(set(names) - served.keys())
    return [f"{once:,}", str(len(served) - once), str(lost), str(refused), again, f"{seconds:.1f}"]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
