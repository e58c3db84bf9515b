"""What surrounds the processor in docker-compose.yml; all of it follows the processor's settings.

`topics` creates the topics and ends, `endpoint` answers at the destination's URL and says what came,
`events` produces the events of `webhook-processor demo` without end.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from processor.config import loading
from processor.config.settings import Settings
from processor.demo.endpoint import Endpoint, Visit, samples, title

EVENTS_A_SECOND = 5
PARTITIONS = 6
ANSWER_SECONDS = 30.0


def topics(settings: Settings) -> None:
    """Create what is missing of the topics that are read, and of the one for dead letters."""
    wanted = dict.fromkeys(settings.kafka.topics, PARTITIONS) | {settings.dead_letter.topic: 1}
    admin = AdminClient({"bootstrap.servers": settings.kafka.bootstrap_servers})
    new = [NewTopic(name, num_partitions=partitions) for name, partitions in wanted.items()]
    for name, created in admin.create_topics(new, operation_timeout=ANSWER_SECONDS).items():
        try:
            created.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
        print(f"the topic {name} is there")


def endpoint(settings: Settings) -> None:
    """Take events, refuse some, be too busy for others; one line for each request."""
    asyncio.run(_endpoint(urlsplit(settings.destination.url).port or 80))


def events(settings: Settings) -> None:
    """Produce for ever."""
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap_servers})
    for number, sample in zip(count(1), samples(Random()), strict=False):  # noqa: S311
        producer.produce(settings.kafka.topics[0], sample.value, sample.key)
        producer.poll(0)
        time.sleep(1 / EVENTS_A_SECOND)
        if number % 100 == 0:
            print(f"{number} events produced", flush=True)


async def _endpoint(port: int) -> None:
    await Endpoint(_say, Random()).open("0.0.0.0", port)  # noqa: S104, S311
    await asyncio.Event().wait()


def _say(visit: Visit) -> None:
    print(f"{visit.status} {visit.key} {title(visit.event)}, attempt {visit.attempt}", flush=True)


PARTS: dict[str, Callable[[Settings], None]] = {"topics": topics, "endpoint": endpoint, "events": events}

if __name__ == "__main__":
    PARTS[sys.argv[1]](loading.load(Path(os.environ["WEBHOOK_PROCESSOR_CONFIG"]), os.environ))
