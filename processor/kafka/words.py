"""What the library says beside records, as source events: its errors, and what it is in the group."""

import json
import sys

import confluent_kafka
from confluent_kafka import KafkaError

from processor.kafka.remedies import in_words
from processor.model import MemberState, Stopped, Troubled

UNREAD = "matches a pattern of kafka.topics: what we write there is not read, nothing of it is committed"
MADE_ANEW = (
    "was deleted and made anew, and kafka.auto_offset_reset is `error`: "
    "delete the group's offsets of the topic, or set them, then start again"
)

_OF_GROUP = '"cgrp": '


def trouble(error: KafkaError, topic: str | None = None) -> Stopped | Troubled:
    """An error, which may be about a topic."""
    if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001
        return Stopped(f"{error.name()}: {in_words(error)}")
    return Troubled(error.name(), in_words(error), topic)


def member_state(client: confluent_kafka.Consumer, protocol: str, statistics: str) -> MemberState | None:
    """To be called in the client's thread.

    With `classic` a member is settled while its heartbeats are answered. With `consumer` that word is only
    for members with partitions; whoever is a member has an epoch above 0.
    """
    begins = statistics.rfind(_OF_GROUP)
    if begins < 0:
        return None
    group, _ = json.JSONDecoder().raw_decode(statistics, begins + len(_OF_GROUP))
    has_coordinator = group["state"] == "up"
    if protocol == "classic":
        is_settled = group["join_state"] == "steady"
    else:
        is_settled = generation_in(client.consumer_group_metadata()) > 0
    return MemberState(has_coordinator, has_coordinator and is_settled)


def generation_in(metadata: bytes) -> int:
    """The generation, or with `consumer` the member's epoch, in the library's group metadata; -1: none.

    Which is a number in this machine's order behind the name of the format.
    """
    begins = metadata.index(b":") + 1
    return int.from_bytes(metadata[begins : begins + 4], sys.byteorder, signed=True)
