"""Positions that a group has committed, asked for beside it.

Promise: an error of one partition, or of the group's coordinator, is never taken for "nothing yet": what was
finished would then be done again.
"""

import time
from collections.abc import Collection, Mapping

import confluent_kafka
from confluent_kafka import KafkaException, TopicPartition

from processor.errors import FatalError
from processor.kafka.checks.stored import ANSWER_SECONDS
from processor.kafka.remedies import in_words
from processor.model import Partition, Position

AGAIN_SECONDS = 0.2
REFUSED = (
    "what the group has committed may not be known: grant Read on it (kafka.group_id; of dead letters that "
    "with .letters behind it, and the name of a run behind that)"
)
_PASSING = frozenset(("NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE"))
"""What a broker says that has just been started, or just got the group."""


def committed(
    client: confluent_kafka.Consumer, partitions: Collection[Partition]
) -> Mapping[Partition, Position | None]:
    """Those of the client's group; None: nothing yet. Raises FatalError where they may not be known."""
    found = _asked(client, [TopicPartition(*each) for each in partitions]) if partitions else []
    for each in found:
        if each.error is not None:
            raise FatalError(f"{each.topic}/{each.partition}: {in_words(each.error)}")
    return {
        Partition(each.topic, each.partition): Position(each.offset, each.metadata or "")
        if each.offset >= 0
        else None
        for each in found
    }


def _asked(client: confluent_kafka.Consumer, places: list[TopicPartition]) -> list[TopicPartition]:
    until = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return client.committed(places, timeout=ANSWER_SECONDS)
        except KafkaException as error:
            if error.args[0].name() == "_TIMED_OUT" and _is_refused(client):
                raise FatalError(REFUSED) from error
            if error.args[0].name() not in _PASSING or time.monotonic() > until:
                raise
            client.poll(AGAIN_SECONDS)


def _is_refused(client: confluent_kafka.Consumer) -> bool:
    """Whether its coordinator may not be known: the library asks for that for ever, and tells so apart."""
    while (message := client.poll(0)) is not None:
        error = message.error()
        if error is not None and error.name() == "GROUP_AUTHORIZATION_FAILED":
            return True
    return False
