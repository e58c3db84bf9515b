"""How far the topics go: the end of every partition that is read, also while it is paused."""

import asyncio
from collections.abc import Collection

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from processor.config.kafka import KafkaSettings
from processor.kafka.options import LOGGER, client_options
from processor.model import Partition

ANSWER_SECONDS = 10.0


class EndOffsets:
    """Asks the brokers, on a connection of its own.

    The end of what is committed is the last stable offset, that of all the high watermark.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._client = AdminClient(client_options(kafka), logger=LOGGER)
        self._isolation = IsolationLevel[kafka.isolation_level.upper()]

    async def measure(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The offset behind the last record that may be read; those that cannot be learned are left out."""
        return await self._measure(partitions, self._isolation)

    async def high(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The offset behind the last record, be it of a transaction that is open."""
        return await self._measure(partitions, IsolationLevel.READ_UNCOMMITTED)

    async def _measure(
        self, partitions: Collection[Partition], isolation: IsolationLevel
    ) -> dict[Partition, int]:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(*partition): latest for partition in partitions}
        if not asked:
            return {}
        answers = self._client.list_offsets(asked, isolation_level=isolation, request_timeout=ANSWER_SECONDS)
        ends = {}
        for each, answer in answers.items():
            try:
                end = (await asyncio.wrap_future(answer)).offset
            except KafkaException:
                continue
            if end >= 0:  # else no leader answered
                ends[Partition(each.topic, each.partition)] = end
        return ends
