"""A topic, a dead-letter topic and a group of its own for every test."""

from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.processor import Processor
from tests.support.apache_kafka import Broker, Written


class Stage:
    """What a test of the whole processor needs around it."""

    def __init__(self, broker: Broker, folder: Path, partitions: int) -> None:
        self.broker = broker
        self.topic = f"events-{uuid4()}"
        self.dead_letters = f"{self.topic}.dlq"
        self.group = f"group-{uuid4()}"
        self._folder = folder
        self._serial = count()
        broker.create_topic(self.topic, partitions)

    def settings(self, url: str, **sections: dict[str, Any]) -> dict[str, Any]:
        """The settings, with more for every section by its name."""
        base: dict[str, dict[str, Any]] = {
            "kafka": {
                "bootstrap_servers": self.broker.bootstrap_servers,
                "group_id": self.group,
                "topics": [self.topic],
                "session_timeout": 6,
            },
            "dead_letter": {"topic": self.dead_letters},
            "destination": {"url": url},
            "retry": {"initial_backoff": 0.05, "max_backoff": 0.5},
            "admin": {"host": "127.0.0.1", "port": 0},
        }
        return {name: base.get(name, {}) | sections.get(name, {}) for name in base | sections}

    def processor(self, url: str, *arguments: str, **sections: dict[str, Any]) -> Processor:
        """A processor that delivers to `url`, run with more arguments; not started."""
        folder = self._folder / str(next(self._serial))
        folder.mkdir()
        return Processor(folder, self.settings(url, **sections), arguments)

    def produce(self, records: Iterable[Written], partition: int | None = None) -> None:
        """Append (key, value, headers) to the topic."""
        self.broker.produce(self.topic, records, partition)

    def committed(self) -> int:
        """The sum of the committed offsets."""
        return sum(offset for offset, _ in self.broker.committed(self.group, self.topic).values())


@pytest.fixture
def stage(apache_kafka: Broker, tmp_path: Path) -> Callable[..., Stage]:
    """Builds a stage with so many partitions, and a dead-letter topic unless told otherwise."""

    def build(partitions: int = 1, *, with_dead_letters: bool = True) -> Stage:
        stage = Stage(apache_kafka, tmp_path, partitions)
        if with_dead_letters:
            apache_kafka.create_topic(stage.dead_letters)
        return stage

    return build
