"""The command as a process of its own, as an operator runs it."""

import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import urlopen

import yaml
from prometheus_client.parser import text_string_to_metric_families

from processor.admin.connections import LIMITS
from tests.support.patience import PATIENCE

COMMAND = str(Path(sys.executable).with_name("webhook-processor"))

Settings = Mapping[str, Any]


class Processor:
    """`webhook-processor run`, from `start` to `wait`, with what it logged."""

    def __init__(self, folder: Path, settings: Settings, arguments: Sequence[str] = ()) -> None:
        self._arguments = arguments
        self._file = folder / "settings.yaml"
        self._file.write_text(yaml.safe_dump(dict(settings)), encoding="utf-8")
        self._lines: deque[str] = deque(maxlen=500)
        self._scraped_at = -LIMITS.scrape
        self.admin = ""

    async def start(self) -> Self:
        """Start and wait until it says that it has started."""
        self._process = await asyncio.create_subprocess_exec(
            COMMAND,
            "run",
            "-c",
            str(self._file),
            *self._arguments,
            stderr=asyncio.subprocess.PIPE,
            env={
                name: value for name, value in os.environ.items() if not name.startswith("WEBHOOK_PROCESSOR")
            },
        )
        self._started = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())
        async with asyncio.timeout(PATIENCE):
            self.admin = await self._started
        return self

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        await self.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    async def wait(self, within: float = PATIENCE) -> int:
        """The exit status, minus the signal's number when one ended it."""
        async with asyncio.timeout(within):
            status = await self._process.wait()
            await self._reading
        return status

    def most_memory(self) -> int:
        """The most resident memory so far, in bytes (Linux)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024

    async def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        await self.wait()

    async def terminate(self) -> int:
        """SIGTERM, and the exit status."""
        self.signal(signal.SIGTERM)
        return await self.wait()

    def log(self) -> list[dict[str, Any]]:
        """The last log lines; what is no JSON stands under `event`."""
        return [_said(line) for line in self._lines]

    async def tells(self, event: str, **facts: object) -> dict[str, Any]:
        """The first log line of this event with these facts, as soon as there is one."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for said in self.log():
                    if {"event": event, **facts}.items() <= said.items():
                        return said
                await asyncio.sleep(0.05)

    async def page(self, path: str) -> tuple[int, str]:
        """Status and text of a page for operators."""
        return await asyncio.to_thread(_get, self.admin + path)

    async def metrics(self) -> dict[tuple[str, ...], float]:
        """Samples by name and label values, sorted by label, without the destination; of now."""
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self._scraped_at + LIMITS.scrape - now))
        self._scraped_at = asyncio.get_running_loop().time()
        _, text = await self.page("/metrics")
        return {
            (sample.name.removeprefix("webhook_processor_"), *_labels(sample.labels)): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def until(self, name: str, *labels: str, at_least: float) -> None:
        """Wait until a metric has come so far."""
        async with asyncio.timeout(PATIENCE):
            while (await self.metrics()).get((name, *labels), 0) < at_least:
                await asyncio.sleep(0.05)

    async def _read(self) -> None:
        assert self._process.stderr
        async for raw in self._process.stderr:
            line = raw.decode(errors="replace").rstrip()
            self._lines.append(line)
            if (
                not self._started.done()
                and line.startswith("{")
                and (said := json.loads(line))["event"] == "started"
            ):
                self._started.set_result(said["admin"].replace("[::]", "127.0.0.1"))
        if not self._started.done():
            self._started.set_exception(AssertionError("it did not start:\n" + "\n".join(self._lines)))


def _said(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {"event": line}


def _labels(labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(value for name, value in sorted(labels.items()) if name != "destination")


def _get(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
