"""What to do about errors of the brokers and the client, where their own words do not say it."""

from collections.abc import Iterable

from confluent_kafka import KafkaError

REMEDIES = {
    "GROUP_AUTHORIZATION_FAILED": "grant Read on the group of kafka.group_id",
    "TOPIC_AUTHORIZATION_FAILED": "grant Read on the topic",
    "CLUSTER_AUTHORIZATION_FAILED": "grant Write on the dead-letter topic (before Kafka 2.8 also "
    "IdempotentWrite on the cluster)",
    "INCONSISTENT_GROUP_PROTOCOL": "members that do not know cooperative-sticky hold the group: stop them, "
    "or choose another kafka.group_id; `check --connect` names them",
    "UNSUPPORTED_VERSION": "the brokers are too old for it, or it is switched off",
    "_ALL_BROKERS_DOWN": "are they up, and is kafka.security_protocol that of the listener?",
    "_AUTHENTICATION": "look at kafka.sasl_mechanism, kafka.sasl_username and kafka.sasl_password",
    "_SSL": "look at kafka.ssl_ca_file, and at whether kafka.security_protocol is that of the listener",
    "_RESOLVE": "look at the host names in kafka.bootstrap_servers",
}
AWAY = frozenset(
    (
        "_ALL_BROKERS_DOWN",
        "_RESOLVE",
        "_TIMED_OUT",
        "_TRANSPORT",
        "BROKER_NOT_AVAILABLE",
        "LEADER_NOT_AVAILABLE",
        "NETWORK_EXCEPTION",
        "NOT_LEADER_FOR_PARTITION",
        "REPLICA_NOT_AVAILABLE",
        "REQUEST_TIMED_OUT",
    )
)
"""What says nothing of a configuration: nobody answers, or somebody else has to."""
_WRONG_PROTOCOL = ("Disconnected while requesting ApiVersion", "in state APIVERSION_QUERY")
_PROTOCOL = "is kafka.security_protocol that of the listener?"
_CUT_OFF = "the broker ends connections before a word was understood"


def of_cut_off(lines: Iterable[str]) -> str | None:
    """What it means where the library's lines tell of connections that end at the first question."""
    is_cut_off = any(words in line for line in lines for words in _WRONG_PROTOCOL)
    return f"{_CUT_OFF}: {_PROTOCOL}" if is_cut_off else None


def in_words(error: KafkaError) -> str:
    """What the error says, and what to do."""
    return advised(error.name(), error.str())


def advised(name: str, text: str) -> str:
    """The same for an error that is known by name."""
    remedy = REMEDIES.get(name)
    if name == "_TRANSPORT" and any(words in text for words in _WRONG_PROTOCOL):
        remedy = _PROTOCOL
    return f"{text}: {remedy}" if remedy else text
