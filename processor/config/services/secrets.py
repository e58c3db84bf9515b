"""Secrets of all but the webhook: brokers, their clients, the schema registry, the port for operators.

Promise: a setting that is one is one, and so is an option of a client that looks like one.
"""

from collections.abc import Iterator

from pydantic import SecretStr

from processor.config.destination.secrets import texts
from processor.config.kafka import DeadLetterSettings, KafkaSettings, in_clear
from processor.config.operators import AdminSettings
from processor.config.services.registry import SchemaRegistrySettings
from processor.config.values.types import ClientOptions
from processor.core import credentials


def secret_texts(
    kafka: KafkaSettings, letters: DeadLetterSettings, registry: SchemaRegistrySettings, admin: AdminSettings
) -> set[str]:
    """What of them is secret by itself."""
    found = texts(kafka.ssl_key_password, kafka.sasl_password, admin.token, registry.tls.key_password)
    found |= set(filter(None, registry.in_clear().values()))
    return found.union(*(_of_client(client) for client in (kafka.client, letters.client)))


def _of_client(client: ClientOptions) -> Iterator[str]:
    for name, value in in_clear(client).items():
        if isinstance(client[name], SecretStr) or credentials.is_secret_option(name):
            yield str(value)
