"""A broker inside this process, for the demo and quick tests: librdkafka's mock cluster.

It speaks Kafka on loopback ports and keeps everything in memory. **It silently drops the oldest
records beyond 5 MiB a partition**, so nothing that must be kept belongs here. It knows neither TLS,
SASL, CreateTopics from a client, nor a limit on commit metadata (a real broker has one).

The functions are those of librdkafka's `rdkafka_mock.h`. They are looked up in the extension module
of confluent_kafka, and thereby in the very librdkafka that it has loaded, whatever file that is.
"""

import ctypes
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self, cast

from confluent_kafka import KafkaException, Producer, cimpl

from processor.errors import FatalError

__all__ = ["EmbeddedBroker"]

_PRODUCER = 0  # rd_kafka_type_t
_QUIET = 0  # syslog's LOG_EMERG
_DEFAULT_PARTITIONS = 4  # of a topic that the mock cluster creates by itself
_ERROR_BYTES = 512
_METADATA_SECONDS = 10.0

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "rd_kafka_new": (ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
    "rd_kafka_conf_new": (ctypes.c_void_p, []),
    "rd_kafka_conf_set": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t],
    ),
    "rd_kafka_destroy": (None, [ctypes.c_void_p]),
    "rd_kafka_err2str": (ctypes.c_char_p, [ctypes.c_int]),
    "rd_kafka_mock_cluster_new": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]),
    "rd_kafka_mock_cluster_destroy": (None, [ctypes.c_void_p]),
    "rd_kafka_mock_cluster_bootstraps": (ctypes.c_char_p, [ctypes.c_void_p]),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [ctypes.c_void_p, ctypes.c_int32]),
    "rd_kafka_mock_topic_create": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int],
    ),
    "rd_kafka_mock_broker_set_down": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_int32]),
    "rd_kafka_mock_broker_set_up": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_int32]),
    "rd_kafka_mock_broker_set_rtt": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int]),
    "rd_kafka_mock_partition_set_leader": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32],
    ),
    "rd_kafka_mock_set_apiversion": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_int16, ctypes.c_int16, ctypes.c_int16],
    ),
    "rd_kafka_mock_push_request_errors_array": (
        None,
        [ctypes.c_void_p, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)],
    ),
}


class EmbeddedBroker:
    """A Kafka cluster of `brokers` nodes (numbered from 1) in this process; usable at once, until `close`.

    `bootstrap_servers` is `host:port`, comma-separated. Groups rebalance without the usual delay.
    A topic that a client asks for and nobody created appears by itself, with four partitions.

    Where librdkafka's functions cannot be reached, the cluster is started by the setting
    `test.mock.num.brokers` instead. Then `create_topic` makes four partitions whatever is asked, the
    first rebalance of a group takes 3 s, and everything that causes faults raises FatalError.

    FatalError: it cannot start, or has been closed, or refuses what was asked of it.
    """

    def __init__(self, brokers: int = 1) -> None:
        _at_least_one("broker", brokers)
        self._brokers = range(1, brokers + 1)
        library = _library()
        self._cluster: _Cluster | None = (
            _Native(library, brokers) if library is not None else _Configured(brokers)
        )
        self.bootstrap_servers: str = self._cluster.bootstrap_servers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect every client and forget every record; closing again does nothing."""
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.close()

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """Create the topic `name`; an existing one is refused."""
        _at_least_one("partition", partitions)
        self._open().create_topic(name, partitions, replicas=min(3, len(self._brokers)))

    def broker_down(self, broker: int = 1) -> None:
        """Break the broker's connections and refuse new ones."""
        self._open().call("broker_set_down", broker)

    def broker_up(self, broker: int = 1) -> None:
        """Accept connections again; records and commits have been kept."""
        self._open().call("broker_set_up", broker)

    def round_trip(self, milliseconds: int) -> None:
        """Delay every response of every broker."""
        for broker in self._brokers:
            self._open().call("broker_set_rtt", broker, milliseconds)

    def push_errors(self, api_key: int, codes: Sequence[int]) -> None:
        """Answer the next requests with the protocol's number `api_key` by these errors, one each.

        Zero lets one request pass. Negative codes are librdkafka's own: `KafkaError._TRANSPORT`
        breaks the connection.
        """
        array = (ctypes.c_int * len(codes))(*codes)
        self._open().call("push_request_errors_array", api_key, len(codes), array)

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Let the partition be led by this broker; -1: by none."""
        self._open().call("partition_set_leader", topic.encode(), partition, broker)

    def know(self, api_key: int, newest: int) -> None:
        """Know requests with the protocol's number `api_key` up to the version `newest`; -1: not at all."""
        self._open().call("set_apiversion", api_key, min(0, newest), newest)

    def _open(self) -> "_Cluster":
        if self._cluster is None:
            raise FatalError("the embedded broker has been closed")
        return self._cluster


class _Cluster(Protocol):
    bootstrap_servers: str

    def create_topic(self, name: str, partitions: int, replicas: int) -> None: ...

    def call(self, function: str, *arguments: object) -> None: ...

    def close(self) -> None: ...


class _Native:
    """The mock cluster by its C functions."""

    def __init__(self, library: ctypes.CDLL, brokers: int) -> None:
        self._library = library
        self._client = _client(library)
        self._cluster: int | None = library.rd_kafka_mock_cluster_new(self._client, brokers)
        if self._cluster is None:
            library.rd_kafka_destroy(self._client)
            raise FatalError(
                f"the embedded broker cannot start {brokers} listeners: are loopback ports free?"
            )
        self.call("group_initial_rebalance_delay_ms", 0)
        bootstraps = cast("bytes", library.rd_kafka_mock_cluster_bootstraps(self._cluster))
        self.bootstrap_servers = bootstraps.decode()

    def create_topic(self, name: str, partitions: int, replicas: int) -> None:
        self.call("topic_create", name.encode(), partitions, replicas)

    def call(self, function: str, *arguments: object) -> None:
        error = getattr(self._library, f"rd_kafka_mock_{function}")(self._cluster, *arguments)
        if error:
            raise FatalError(f"embedded broker: {function}: {self._library.rd_kafka_err2str(error).decode()}")

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


class _Configured:
    """The mock cluster by a client's setting: it lives as long as that client."""

    def __init__(self, brokers: int) -> None:
        self._client = Producer({"test.mock.num.brokers": brokers, "log_level": _QUIET})
        known = self._metadata().brokers.values()
        self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in known)

    def create_topic(self, name: str, partitions: int, replicas: int) -> None:  # noqa: ARG002
        self._metadata(name)

    def call(self, function: str, *_arguments: object) -> None:
        raise FatalError(f"embedded broker: {function} needs the C functions of librdkafka's wheel")

    def close(self) -> None:
        self._client.close()

    def _metadata(self, topic: str | None = None) -> Any:
        try:
            return self._client.list_topics(topic, timeout=_METADATA_SECONDS)
        except KafkaException as error:
            raise FatalError(f"the embedded broker does not answer: {error}") from error


def _at_least_one(noun: str, number: int) -> None:
    """Librdkafka aborts the whole process on less."""
    if number < 1:
        raise FatalError(f"the embedded broker needs at least one {noun}, not {number}")


def _library() -> ctypes.CDLL | None:
    """librdkafka with its mock functions, or None where they are not exported."""
    try:
        library = ctypes.CDLL(cimpl.__file__)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError):
        return None
    return library


def _client(library: ctypes.CDLL) -> int:
    """The client that a mock cluster hangs on; itself it connects to nothing."""
    error = ctypes.create_string_buffer(_ERROR_BYTES)
    settings = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(settings, b"log_level", b"%d" % _QUIET, error, _ERROR_BYTES)
    client: int | None = library.rd_kafka_new(_PRODUCER, settings, error, _ERROR_BYTES)
    if client is None:
        raise FatalError(f"the embedded broker cannot start: {error.value.decode()}")
    return client
