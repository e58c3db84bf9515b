"""Where a partition begins to be read: by what was committed, what the topic holds, and the setting.

Promise: no offset is ever reset unseen. What was deleted before it was read is told as `Missed`; a
position behind the end of the log, which only a topic made anew or cut can have, is fatal.
"""

from collections.abc import Callable, Mapping

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, OFFSET_INVALID, KafkaException, TopicPartition

from processor.errors import FatalError
from processor.model import Missed, Partition, Position, SourceEvent, Troubled

ANSWER_SECONDS = 10.0
TRIES = 3
PAST_THE_END = (
    "ends below its committed offset: was it made anew, or cut? Set the group's offsets, then start again"
)
NO_OFFSET = "has no committed offset, and kafka.auto_offset_reset is `error`"
GONE = "no longer holds the records from its committed offset on, and kafka.auto_offset_reset is `error`"

_SETTING = {"earliest": OFFSET_BEGINNING, "latest": OFFSET_END, "error": OFFSET_INVALID}


class Beginnings:
    """Asks the client; to be called in its thread. `setting`: earliest, latest or error."""

    def __init__(
        self, client: confluent_kafka.Consumer, setting: str, tell: Callable[[SourceEvent], None]
    ) -> None:
        self._client = client
        self._without_offset = _SETTING[setting]
        self._tell = tell

    def committed(self, assigned: list[TopicPartition]) -> dict[Partition, Position] | None:
        """What the group has committed; None: that cannot be learned now."""
        for _ in range(TRIES if assigned else 0):
            try:
                found = self._client.committed(assigned, timeout=ANSWER_SECONDS)
            except KafkaException as error:
                self._trouble(error, "committed offsets")
                continue
            return {partition_of(c): Position(c.offset, _metadata(c)) for c in found if c.offset >= 0}
        return None

    def of(self, partition: Partition, committed: Mapping[Partition, Position] | None) -> int:
        """Where to begin; where it cannot be learned what was committed, the library's own look-up stands."""
        if committed is None:
            return OFFSET_INVALID
        position = committed.get(partition)
        return position.offset if position else self._without_offset

    def instead_of(self, partition: Partition, offset: int | None) -> int:
        """Where to begin when the topic does not hold `offset`, or (None) when the group has none.

        Raises FatalError where that is for the operator to say.
        """
        if offset is None or offset < 0:
            if self._without_offset == OFFSET_INVALID:
                raise FatalError(f"{partition} {NO_OFFSET}")
            return self._without_offset
        low, high = self._held(partition) or (offset, offset)
        if offset > high:
            raise FatalError(f"{partition} {PAST_THE_END}")
        if offset < low:
            if self._without_offset == OFFSET_INVALID:
                raise FatalError(f"{partition} {GONE}")
            self._tell(Missed(partition, offset, low))
        return max(offset, low)

    def _held(self, partition: Partition) -> tuple[int, int] | None:
        """The first offset that the topic holds, and the one behind its last; None: not to be learned now."""
        try:
            return self._client.get_watermark_offsets(TopicPartition(*partition), timeout=ANSWER_SECONDS)
        except KafkaException as error:
            self._trouble(error, f"the ends of {partition}")
            return None

    def _trouble(self, error: KafkaException, what: str) -> None:
        self._tell(Troubled(error.args[0].name(), f"{what}: {error.args[0].str()}"))


def partition_of(each: TopicPartition) -> Partition:
    """The partition that the library speaks of."""
    return Partition(each.topic, each.partition)


def _metadata(each: TopicPartition) -> str:
    """Empty where another client wrote it: without the NUL that this library expects, it reads too far."""
    try:
        return each.metadata or ""
    except UnicodeDecodeError:
        return ""
