"""Dead letters that come back beside a campaign: `letters redeliver`, killed again and again.

They go to an endpoint of their own, which is now and then too busy and takes them all in the end; so each
dead letter of the campaign has to arrive there, and nothing else.
"""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import yaml

from tests.acceptance.processor import COMMAND
from tests.faults.events import number_of
from tests.faults.scene import Scene
from tests.support.endpoint import Arrival, Endpoint, Reply

LONGEST_LIFE = 8.0
"""Seconds that a run gets before it is killed."""
RATE = 200
LAST_SECONDS = 300.0


class Account(NamedTuple):
    """What came of the letters: how many there were, which events are missing, and which nobody wrote."""

    letters: int
    missing: frozenset[int]
    strange: frozenset[int]
    repeats: int
    kills: int

    @property
    def is_whole(self) -> bool:
        """Whether each came back, and nothing else."""
        return not (self.missing or self.strange)


class Redelivery:
    """Begun with `async with` beside a scene; `finish` runs it to its end."""

    def __init__(self, scene: Scene, folder: Path, chance: random.Random) -> None:
        self._scene = scene
        self._chance = chance
        self._file = folder / "letters.yaml"
        self._endpoint = Endpoint(self._answer)
        self._seen: Counter[int] = Counter()
        self._kills = 0

    async def __aenter__(self) -> Self:
        await self._endpoint.__aenter__()
        settings = self._scene.settings(0, {"destination": {"url": self._endpoint.url}})
        self._file.write_text(yaml.safe_dump(settings), encoding="utf-8")
        self._going = asyncio.create_task(self._go_on())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._going.cancel()
        await asyncio.wait((self._going,))
        await self._endpoint.__aexit__(kind, error, trace)

    async def finish(self, patience: float = LAST_SECONDS) -> Account:
        """Kill no more, run until all is brought back, and say what came of it."""
        self._going.cancel()
        await asyncio.wait((self._going,))
        deadline, status = time.monotonic() + patience, 1
        while status and time.monotonic() < deadline:
            status = await self._run(deadline - time.monotonic())
        assert status == 0, "the letters do not come back"
        read = await asyncio.to_thread(self._scene.broker.read_all, self._scene.dead_letters)
        written = [n for letter in read if (n := number_of(letter.value() or b"")) is not None]
        return Account(
            len(written),
            frozenset(written) - self._seen.keys(),
            frozenset(self._seen.keys() - set(written)),
            self._seen.total() - len(written),
            self._kills,
        )

    async def _go_on(self) -> None:
        """One run after the other, each killed after a while."""
        while True:
            await self._run(self._chance.uniform(1.0, LONGEST_LIFE))
            await asyncio.sleep(self._chance.uniform(0.1, 3.0))

    async def _run(self, seconds: float) -> int:
        """Its exit status; it is killed after so long, and where nobody waits any more."""
        process = await asyncio.create_subprocess_exec(
            *(COMMAND, "letters", "redeliver", "--rate", str(RATE), "-c", str(self._file)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: text for name, text in os.environ.items() if not name.startswith("WEBHOOK_PROCESSOR")},
        )
        try:
            async with asyncio.timeout(seconds):
                return await process.wait()
        except TimeoutError:
            self._kills += 1
            return -signal.SIGKILL
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _answer(self, arrival: Arrival) -> Reply:
        if self._chance.random() < 0.05:
            return Reply(503)
        n = number_of(arrival.body)
        self._seen[-1 if n is None else n] += 1
        return Reply(200)
