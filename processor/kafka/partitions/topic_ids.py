"""Kafka's ids of topics and of the cluster, as the brokers tell them.

Promise: asking stands in nobody's way, and what is not answered in time is not known, no more.
"""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from processor.config.kafka import KafkaSettings
from processor.core.progress.offset_codec import cluster_mark
from processor.core.progress.topic_identity import TopicIds
from processor.kafka.options import LOGGER, client_options

ANSWER_SECONDS = 5.0


class Question:
    """What was asked of the brokers."""

    def __init__(self, futures: Mapping[str, "Future[Any]"]) -> None:
        self._futures = futures

    def answer(self, seconds: float = 0.0) -> TopicIds:
        """What is known; blocks until all is, or so long."""
        done, _ = wait(self._futures.values(), seconds)
        ids: dict[str, bytes | None] = {}
        for topic, future in self._futures.items():
            if future not in done:
                continue
            error = future.exception()
            if error is None:
                ids[topic] = _bytes(future.result().topic_id)
            elif _is_absent(error):
                ids[topic] = None
        return ids


class Registry:
    """Asks the brokers, on a connection of its own."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._client = AdminClient(client_options(kafka), logger=LOGGER)
        self._cluster: Future[Any] | None = None

    def cluster(self, seconds: float = 0.0) -> bytes | None:
        """What marks positions of this cluster; waits up to so long for it."""
        if self._cluster is None or (self._cluster.done() and self._cluster.exception()):
            self._cluster = self._client.describe_cluster(request_timeout=ANSWER_SECONDS)
        done, _ = wait([self._cluster], seconds)
        if not done or self._cluster.exception() or not (id_ := self._cluster.result().cluster_id):
            return None
        return cluster_mark(id_)

    def ask(self, topics: Collection[str], then: Callable[[TopicIds], None] | None = None) -> Question:
        """Ask; `then` is called with the answer, once, from a thread of the library's."""
        futures: Mapping[str, Future[Any]] = {}
        if topics:
            names = TopicCollection(list(topics))
            futures = self._client.describe_topics(names, request_timeout=ANSWER_SECONDS)
        question, open_ = Question(futures), set(futures.values())

        def answered(future: "Future[Any]") -> None:
            open_.discard(future)
            if not open_ and then is not None:
                then(question.answer())

        for future in futures.values():
            future.add_done_callback(answered)
        return question


def known(told: TopicIds) -> dict[str, bytes]:
    """Those that have one."""
    return {topic: id_ for topic, id_ in told.items() if id_}


def _bytes(uuid: Any) -> bytes:
    """Nothing for the id that stands for none."""
    halves = (uuid.get_most_significant_bits(), uuid.get_least_significant_bits())
    whole = b"".join(half.to_bytes(8, "big", signed=True) for half in halves)
    return whole if any(whole) else b""


def _is_absent(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
