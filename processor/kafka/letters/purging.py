"""Records deleted below positions.

Promise: only what lies below the given offsets is deleted, and a broker that refuses is told in words.
"""

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.config.kafka import KafkaSettings
from processor.errors import FatalError
from processor.kafka.options import LOGGER, client_options
from processor.kafka.remedies import in_words
from processor.model import Partition

ANSWER_SECONDS = 30.0


def delete_below(kafka: KafkaSettings, offsets: Mapping[Partition, int]) -> None:
    """Delete the records before these offsets. Raises FatalError, others may be deleted by then."""
    client = AdminClient(client_options(kafka), logger=LOGGER)
    places = [TopicPartition(*partition, offset) for partition, offset in offsets.items()]
    answers: Mapping[Any, Any] = client.delete_records(places, request_timeout=ANSWER_SECONDS)
    for place, answer in answers.items():
        try:
            answer.result()
        except KafkaException as error:
            denied = error.args[0].name() == "TOPIC_AUTHORIZATION_FAILED"
            why = "grant Delete on the topic" if denied else in_words(error.args[0])
            raise FatalError(f"{place.topic}/{place.partition}: {why}") from error
