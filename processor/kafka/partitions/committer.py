"""Commits as the library takes them, each for the tenure whose epoch it carries.

Promises:
- nothing is committed for a tenure that is over, be the partition ours again (the broker would take it:
  it knows members, not owners);
- every commit is answered once, in the order in which they were sent.
"""

from collections import deque
from collections.abc import Callable, Mapping

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from processor.kafka.partitions.start_positions import partition_of
from processor.kafka.partitions.tenures import Tenures
from processor.model import Acknowledged, Commit, Partition

GONE_MEANWHILE = "_STATE"

Errors = Mapping[Partition, str | None]
Done = Callable[[Errors], None]


class Committer:
    """The commits of one consumer; to be called in its thread.

    `tell` calls `Done` on the event loop; `acknowledged` is told which partitions the broker took.
    """

    def __init__(
        self,
        tenures: Tenures,
        tell: Callable[[Done, Errors], None],
        acknowledged: Callable[[Acknowledged], None],
    ) -> None:
        self._tenures = tenures
        self._tell = tell
        self._acknowledged = acknowledged
        self._unanswered: deque[Done] = deque()

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is to come."""
        return bool(self._unanswered)

    def commit(
        self,
        client: confluent_kafka.Consumer,
        commits: Mapping[Partition, Commit],
        done: Done,
    ) -> None:
        """Commit all of these, or none where one is of a tenure that is over."""
        if not self._tenures.are_current(commits):
            self._tell(done, dict.fromkeys(commits, GONE_MEANWHILE))
            return
        offsets = [TopicPartition(*p, at.offset, at.metadata) for p, (_, at) in commits.items()]
        try:
            client.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self._tell(done, dict.fromkeys(commits, error.args[0].name()))
        else:
            self._unanswered.append(done)

    def answered(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        errors = {partition_of(each): each.error or error for each in offsets}
        self._acknowledged(Acknowledged([partition for partition, e in errors.items() if not e]))
        self._tell(self._unanswered.popleft(), {p: e.name() if e else None for p, e in errors.items()})
