"""Apache Kafka for the tests: real nodes on free loopback ports, gone when this process is gone.

The first way that is possible: the jars from Maven Central run by a local Java; the official container
image; a broker that somebody else runs (TEST_KAFKA_BOOTSTRAP). Only Java gives more than one node.

Other versions than the usual one are fetched when they are asked for: 3.3.2, the first in which KRaft is no
preview, is the oldest. Tests of them are marked `long`; TEST_KAFKA_VERSION=3.9.1 runs any other on them.
"""

import contextlib
import fcntl
import functools
import itertools
import os
import random
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import trustme
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._metadata import TopicMetadata
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewTopic
from cryptography.hazmat.primitives import serialization

Headers = Sequence[tuple[str, bytes | None]]
Written = tuple[bytes | None, bytes | None, Headers]
Rule = tuple[ResourceType, str, ResourcePatternType, str, str, AclOperation, AclPermissionType]

USERNAME, PASSWORD = "tester", "tester-secret"
TRIES = 3
BEGIN_SECONDS, CHANGE_SECONDS, POLL_SECONDS = 90.0, 30.0, 0.05
# Below the ephemeral ports of Linux and macOS: no connection going out takes that of a node that is down.
PORTS = range(20_000, 32_000)
POM = Path(__file__).with_name("apache_kafka_pom.xml")
TESTED_WITH = re.findall(r"<kafka.version>(.*)</kafka.version>", POM.read_text())[0]
VERSION = os.environ.get("TEST_KAFKA_VERSION", TESTED_WITH)
IMAGE = f"apache/kafka:{TESTED_WITH}"
CACHE = Path(__file__).parents[2] / ".cache"
JARS = CACHE / f"kafka-{VERSION}"
MAVEN = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
FIRST_THAT_IS_FORMATTED_WITH_PASSWORDS = (3, 5)
JVM = "-Xms256m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto"
IN_ORDER_WITHOUT_LIMIT = {
    "topic.metadata.propagation.max.ms": 2_000,
    "max.in.flight.requests.per.connection": 1,
    "queue.buffering.max.messages": 10_000_000,
    "queue.buffering.max.kbytes": 2_000_000,
}
# From given offsets: librdkafka takes 0.5 s longer to find "the beginning" by itself.
READ_TO_THE_ENDS = {"group.id": "read-all", "enable.partition.eof": True, "fetch.wait.max.ms": 10}
CLUSTER_ID = "dGVzdHMtYXBhY2hlLWthZg"

LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %-5p %c{1}: %m%n
"""
PROPERTIES = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
listeners={listeners}
advertised.listeners={advertised}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT,\
SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
log.dirs={folder}/{number}
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=5
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=4194304
"""
GUARDED = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
required user_{username}="{password}";
"""
SECURITY = """\
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
required user_{username}="{password}";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
"""

_COORDINATOR_BEGINS = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)
"""What the first group of a broker is told that has just begun."""


class Broker:
    """What a test does with Kafka. `settings` is what a client of confluent_kafka needs to reach it."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = dict(settings)
        self.bootstrap_servers = self.settings["bootstrap.servers"]

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic and wait until every partition has a leader and all its replicas in sync."""
        new = NewTopic(name, num_partitions=partitions, replication_factor=-1, config=dict(config or {}))
        self._admin.create_topics([new])[name].result(CHANGE_SECONDS)
        until(lambda: _in_sync(self._topic(name), partitions), f"leaders of {name}")

    def delete_topic(self, name: str) -> None:
        """Delete a topic and wait until it is no longer listed."""
        self._admin.delete_topics([name])[name].result(CHANGE_SECONDS)
        until(lambda: self._topic(name) is None, f"the end of {name}")

    def produce(self, topic: str, records: Iterable[Written], partition: int | None = None) -> None:
        """Write the records in order and wait until all are acknowledged; any failure is raised.

        Not idempotent, which would take 0.5 s a call: a node killed meanwhile may give duplicates.
        """
        failures: list[KafkaError] = []
        producer = Producer(self._client() | IN_ORDER_WITHOUT_LIMIT)
        for key, value, headers in records:
            producer.produce(
                topic,
                value,
                key,
                -1 if partition is None else partition,
                headers=list(headers),
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
        unsent = producer.flush(CHANGE_SECONDS)
        if failures or unsent:
            raise KafkaException(failures[0] if failures else KafkaError(KafkaError._MSG_TIMED_OUT))

    def read_all(self, topic: str, timeout: float = CHANGE_SECONDS) -> list[Message]:
        """Every record from the beginning to the current ends, sorted by partition and offset."""
        with Consumer(self._client() | READ_TO_THE_ENDS) as consumer:
            asked = [TopicPartition(topic, number) for number in self._partitions(topic)]
            for each in asked:
                each.offset, _ = _offsets(consumer, each)
            consumer.assign(asked)
            found = list(_to_the_ends(consumer, {each.partition for each in asked}, timeout))
        return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))

    def committed(self, group: str, topic: str) -> dict[int, tuple[int, str]]:
        """The group's committed offset and metadata of each partition that has one.

        Only for what confluent_kafka has committed: it ends metadata by a NUL, and reads beyond its end
        into whatever follows where another client has written it without.
        """
        asked = [TopicPartition(topic, number) for number in self._partitions(topic)]
        found: list[TopicPartition] = []
        options = {"group.id": group, "enable.auto.commit": False, "isolation.level": "read_committed"}
        # By a consumer: an admin's question that times out may end the process (librdkafka 4605).
        with Consumer(self._client() | options) as consumer:

            def is_told() -> bool:
                try:
                    found[:] = consumer.committed(asked, CHANGE_SECONDS)
                except KafkaException as error:
                    if error.args[0].code() not in _COORDINATOR_BEGINS:
                        raise
                    return False
                return all(each.error is None for each in found)

            until(is_told, f"the offsets of {group}")
        return {each.partition: (each.offset, each.metadata or "") for each in found if each.offset >= 0}

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The offset behind the last record of each partition."""
        asked = [TopicPartition(topic, number) for number in self._partitions(topic)]
        with Consumer(self._client() | {"group.id": "end-offsets"}) as consumer:
            return {each.partition: _offsets(consumer, each)[1] for each in asked}

    def stop(self) -> None:
        """Nothing to do for a broker that somebody else runs."""

    @functools.cached_property
    def _admin(self) -> AdminClient:
        return AdminClient(self._client())

    def _client(self) -> dict[str, str | int | float | bool]:
        return {**self.settings, "log_level": 0, "reconnect.backoff.max.ms": 500}

    def _partitions(self, topic: str) -> list[int]:
        found = self._topic(topic)
        if found is None:
            raise LookupError(f"no topic {topic}")
        return list(found.partitions)

    def _topic(self, name: str) -> TopicMetadata | None:
        """Asked again where the node that was asked is the one that is down."""
        for _ in range(TRIES - 1):
            with contextlib.suppress(KafkaException):
                return self._admin.list_topics(timeout=CHANGE_SECONDS / TRIES).topics.get(name)
        return self._admin.list_topics(timeout=CHANGE_SECONDS).topics.get(name)


@dataclass
class Node:
    """One node: its files lie in `folder`, its listeners have `ports`; `process` is None while it is down."""

    number: int
    folder: Path
    ports: Mapping[str, int]
    version: str = VERSION
    process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """A name that no other node on this machine has."""
        return f"{self.folder.name}-{self.number}"

    @property
    def log(self) -> Path:
        """What the node and its start have printed."""
        return self.folder / f"{self.number}.log"

    def script(self, jars: str) -> str:
        """Shell: format the data folder unless it is formatted, then become the server."""
        here = f"{self.folder}/{self.number}"
        java = (
            f"java {JVM} -Dlog4j2.configurationFile={self.folder}/log4j2.properties -cp {shlex.quote(jars)}"
        )
        options = f"-c {here}.properties -t {CLUSTER_ID}"
        if numbers(self.version) >= FIRST_THAT_IS_FORMATTED_WITH_PASSWORDS:
            options += f" -S 'SCRAM-SHA-512=[name={USERNAME},password={PASSWORD}]'"
        return (
            f"test -e {here}/meta.properties || {java} kafka.tools.StorageTool format {options} || exit; "
            f"exec {java} kafka.Kafka {here}.properties"
        )


class Way(Protocol):
    """How nodes are run here. `host` is what they listen on; `most_nodes` is how many may form a cluster."""

    host: str
    most_nodes: int
    version: str

    def command(self, node: Node) -> list[str]:
        """The command that runs the node in the foreground."""

    def signal(self, node: Node, name: str) -> str:
        """Shell: send it KILL, STOP or CONT."""


class Java:
    """The jars, run by the Java of this machine."""

    host, most_nodes = "127.0.0.1", 9

    def __init__(self, version: str = VERSION) -> None:
        self.version = version

    def command(self, node: Node) -> list[str]:
        return ["sh", "-c", node.script(f"{jars(self.version)}/*")]

    def signal(self, node: Node, name: str) -> str:
        return f"kill -s {name} -- -{node.process.pid}" if node.process else ":"


class Docker:
    """The official image. Nodes in containers of their own would not reach each other by loopback."""

    host, most_nodes = "0.0.0.0", 1

    def __init__(self, version: str = VERSION) -> None:
        self.version = version

    def command(self, node: Node) -> list[str]:
        ports = [f"--publish=127.0.0.1:{port}:{port}" for port in node.ports.values()]
        files = [f"--volume={node.folder}:{node.folder}", f"--user={os.getuid()}"]
        script = ["--entrypoint=sh", image(self.version), "-c", node.script("/opt/kafka/libs/*")]
        return ["docker", "run", "--rm", f"--name={node.name}", *ports, *files, *script]

    def signal(self, node: Node, name: str) -> str:
        return f"docker kill --signal={name} {node.name}"


class LastWill:
    """A shell that runs the last command it was told as soon as this process has ended, however it ended."""

    def __init__(self) -> None:
        script = 'while read -r line; do will=$line; done; eval "$will"'
        self._shell = subprocess.Popen(
            ["sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def write(self, command: str) -> None:
        """Replace the command: one line."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{command}\n")
        self._shell.stdin.flush()

    def execute(self) -> None:
        """Run it now and wait for it."""
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait()


class Cluster(Broker):
    """Nodes of our own, numbered from 1. With three, everything has three replicas, two of them in sync.

    `properties` go over those that all nodes have.
    """

    def __init__(
        self,
        way: Way,
        count: int = 1,
        listeners: Sequence[str] = ("PLAINTEXT",),
        properties: Mapping[str, object] | None = None,
    ) -> None:
        self._way = way
        self._further = dict(properties or {})
        self._will = LastWill()
        self.folder = Path(tempfile.mkdtemp(prefix="apache-kafka-"))
        names = [*listeners, "INTERNAL", "CONTROLLER"]
        ports = iter(free_ports(count * len(names)))
        self._nodes = {
            number: Node(number, self.folder, {name: next(ports) for name in names}, way.version)
            for number in range(1, count + 1)
        }
        super().__init__(
            {"bootstrap.servers": self.servers(listeners[0]), "security.protocol": listeners[0].lower()}
        )
        try:
            self._write_files()
            self._begin(list(self._nodes.values()))
        except BaseException:
            self.stop()
            raise

    def servers(self, listener: str) -> str:
        """The addresses of one listener, as `bootstrap.servers` takes them."""
        return ",".join(f"127.0.0.1:{node.ports[listener]}" for node in self._nodes.values())

    def kill(self, number: int = 1) -> None:
        """Kill -9: the node cannot say goodbye."""
        node = self._nodes[number]
        self._signal(node, "KILL")
        if node.process is not None:
            node.process.wait()
        node.process = None
        self._write_will()

    def restart(self, number: int = 1) -> None:
        """Start a killed node on its old ports with its old data; wait until its replicas are in sync."""
        self._begin([self._nodes[number]])

    def pause(self, number: int = 1) -> None:
        """Stop the process where it stands: its connections stay open and are silent."""
        self._signal(self._nodes[number], "STOP")

    def resume(self, number: int = 1) -> None:
        """Let a paused node go on."""
        self._signal(self._nodes[number], "CONT")

    def stop(self) -> None:
        """Kill all nodes and remove their files."""
        self.__dict__.pop("_admin", None)
        self._will.execute()
        for node in self._nodes.values():
            if node.process is not None:
                node.process.wait()

    def _signal(self, node: Node, name: str) -> None:
        subprocess.run(["sh", "-c", self._way.signal(node, name)], check=True, capture_output=True)

    def _write_will(self) -> None:
        kills = [self._way.signal(node, "KILL") for node in self._nodes.values() if node.process is not None]
        remove = f"rm -rf {self.folder}"
        self._will.write("; ".join([*kills, f"{remove} || {{ sleep 1; {remove}; }}"]))

    def _write_files(self) -> None:
        self._write_will()
        (self.folder / "log4j2.properties").write_text(LOG4J)
        for node in self._nodes.values():
            (self.folder / f"{node.number}.properties").write_text(self._properties(node))

    def _properties(self, node: Node) -> str:
        replicas = min(3, len(self._nodes))
        voters = (f"{each.number}@127.0.0.1:{each.ports['CONTROLLER']}" for each in self._nodes.values())
        public = {name: port for name, port in node.ports.items() if name != "CONTROLLER"}
        usual = PROPERTIES.format(
            number=node.number,
            folder=self.folder,
            voters=",".join(voters),
            listeners=_addresses(node.ports, self._way.host),
            advertised=_addresses(public, "127.0.0.1"),
            replicas=replicas,
            in_sync=max(1, replicas - 1),
        )
        return usual + "".join(f"{name}={value}\n" for name, value in self._further.items())

    def _begin(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            with node.log.open("ab") as log:
                node.process = subprocess.Popen(
                    self._way.command(node),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._write_will()
        for node in nodes:
            until(functools.partial(self._is_ready, node), f"{node.name} to be ready", BEGIN_SECONDS)

    def _is_ready(self, node: Node) -> bool:
        """Whether the node itself says that it is a member and that all its replicas are in sync."""
        if node.process is None or node.process.poll() is not None:
            raise RuntimeError(f"{node.name} has ended:\n{node.log.read_text()[-4000:]}")
        if not _listens(node.ports["INTERNAL"]):
            return False
        own = f"127.0.0.1:{node.ports['INTERNAL']}"
        try:
            known = AdminClient({"bootstrap.servers": own, "log_level": 0}).list_topics(timeout=1)
        except KafkaException:
            return False
        partitions = [each for topic in known.topics.values() for each in topic.partitions.values()]
        return node.number in known.brokers and all(
            node.number in each.isrs for each in partitions if node.number in each.replicas
        )


class SecureBroker(Cluster):
    """One node that wants TLS, and a password (SASL_SSL: PLAIN or SCRAM-SHA-512) or a certificate (SSL).

    `settings` are for PLAIN, `certificate_settings` for SSL. The files are PEM, and gone after `stop`.
    """

    username, password = USERNAME, PASSWORD

    def __init__(self, way: Way) -> None:
        super().__init__(way, listeners=("SASL_SSL", "SSL"))
        self.settings |= {
            "ssl.ca.location": str(self.ca_file),
            "sasl.mechanism": "PLAIN",
            "sasl.username": self.username,
            "sasl.password": self.password,
        }
        self.certificate_settings = {
            "bootstrap.servers": self.servers("SSL"),
            "security.protocol": "ssl",
            "ssl.ca.location": str(self.ca_file),
            "ssl.certificate.location": str(self.client_file),
            "ssl.key.location": str(self.client_file),
        }

    @property
    def ca_file(self) -> Path:
        """The authority that signed every certificate here."""
        return self.folder / "ca.pem"

    @property
    def client_file(self) -> Path:
        """A client's key and certificate in one file."""
        return self.folder / "client.pem"

    def _write_files(self) -> None:
        super()._write_files()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        _write_identity(authority.issue_cert("127.0.0.1", "localhost"), self.folder / "server.pem")
        _write_identity(authority.issue_cert("tester@example.org"), self.client_file)

    def _properties(self, node: Node) -> str:
        security = SECURITY.format(folder=self.folder, username=USERNAME, password=PASSWORD)
        return super()._properties(node) + security


class GuardedBroker(Cluster):
    """One node that lets its guest do nothing but what he was allowed.

    `settings` are those of the tests, who may do everything; `guest_settings` log in with a password.
    """

    username, password = "guest", "guest-secret"

    def __init__(self, way: Way, properties: Mapping[str, object] | None = None) -> None:
        super().__init__(way, listeners=("PLAINTEXT", "SASL_PLAINTEXT"), properties=properties)
        self.guest_settings = {
            "bootstrap.servers": self.servers("SASL_PLAINTEXT"),
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "PLAIN",
            "sasl.username": self.username,
            "sasl.password": self.password,
        }

    def allow(self, operation: AclOperation, kind: ResourceType, name: str) -> None:
        """The guest may do this with the topic or group of that name, from now on."""
        for done in self._admin.create_acls([AclBinding(*self._rule(operation, kind, name))]).values():
            done.result(CHANGE_SECONDS)

    def forbid(self, operation: AclOperation, kind: ResourceType, name: str) -> None:
        """Take back what was allowed."""
        for done in self._admin.delete_acls([AclBindingFilter(*self._rule(operation, kind, name))]).values():
            done.result(CHANGE_SECONDS)

    def forbid_everywhere(self, operation: AclOperation, kind: ResourceType) -> None:
        """Take back what was allowed for whatever topics or groups, as by tests before."""
        principal, any_ = f"User:{self.username}", ResourcePatternType.ANY
        whatever = cast("str", None)
        rules = AclBindingFilter(kind, whatever, any_, principal, whatever, operation, AclPermissionType.ANY)
        for done in self._admin.delete_acls([rules]).values():
            done.result(CHANGE_SECONDS)

    def _rule(self, operation: AclOperation, kind: ResourceType, name: str) -> Rule:
        principal = f"User:{self.username}"
        return kind, name, ResourcePatternType.LITERAL, principal, "*", operation, AclPermissionType.ALLOW

    def _properties(self, node: Node) -> str:
        guarded = GUARDED.format(username=self.username, password=self.password)
        return super()._properties(node) + guarded


def start(version: str = VERSION, properties: Mapping[str, object] | None = None) -> Broker | None:
    """One broker without any security, or None where there is no way to have one."""
    found, elsewhere = way(version), os.environ.get("TEST_KAFKA_BOOTSTRAP")
    if not isinstance(found, str):
        return Cluster(found, properties=properties)
    is_usual = version == VERSION and not properties
    return Broker({"bootstrap.servers": elsewhere}) if elsewhere and is_usual else None


def start_secure() -> SecureBroker | None:
    """One broker that wants TLS and a password or certificate."""
    found = way()
    return None if isinstance(found, str) else SecureBroker(found)


def start_guarded(
    version: str = VERSION, properties: Mapping[str, object] | None = None
) -> GuardedBroker | None:
    """One broker that knows who may do what."""
    found = way(version)
    return None if isinstance(found, str) else GuardedBroker(found, properties)


def start_cluster(count: int = 3) -> Cluster | None:
    """Several nodes that can be killed, restarted, paused and resumed."""
    found = way()
    return None if isinstance(found, str) or count > found.most_nodes else Cluster(found, count)


@functools.cache
def way(version: str = VERSION) -> Way | str:
    """How nodes of a version can be run here, or why they cannot."""
    obstacles = []
    for find in (_java, _docker):
        try:
            return find(version)
        except LookupError as obstacle:
            obstacles.append(str(obstacle))
    return "; ".join(obstacles)


def numbers(version: str) -> tuple[int, ...]:
    """A version as what can be compared."""
    return tuple(map(int, version.split(".")))


def jars(version: str) -> Path:
    """Where the jars of a version are kept."""
    return CACHE / f"kafka-{version}"


def image(version: str) -> str:
    """The official image of a version."""
    return f"apache/kafka:{version}"


def _java(version: str) -> Java:
    found = re.search(r'version "(\d+)', _run(["java", "-version"]).stdout)
    if found is None or int(found[1]) < 17:
        raise LookupError("no Java 17")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"kafka-{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars(version).is_dir():
            _fetch(version)
    return Java(version)


def _fetch(version: str) -> None:
    """Fill a folder beside the final one and rename it: half a download is never taken for a whole."""
    with tempfile.TemporaryDirectory(dir=CACHE) as beside:
        fetched = _run([*MAVEN, f"-Dkafka.version={version}", f"-DoutputDirectory={beside}/jars"])
        if fetched.returncode != 0:
            raise LookupError(f"Maven brings no jars: {fetched.stdout[-500:]}")
        Path(beside, "jars").rename(jars(version))


def _docker(version: str) -> Docker:
    name = image(version)
    if _run(["docker", "info"]).returncode != 0:
        raise LookupError("no Docker engine")
    commands = (["docker", "image", "inspect", name], ["docker", "pull", "-q", name])
    if all(_run(command).returncode != 0 for command in commands):
        raise LookupError(f"Docker has no {name}")
    return Docker(version)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command for what it prints; one that is not installed fails like any other."""
    if shutil.which(command[0]) is None:
        return subprocess.CompletedProcess(command, 127, f"{command[0]} is not installed")
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def until(condition: Callable[[], bool], what: str, seconds: float = CHANGE_SECONDS) -> None:
    """Ask a process outside until the condition holds; TimeoutError when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(POLL_SECONDS)


def free_ports(count: int) -> list[int]:
    """Different ports that nothing listens on."""
    free = (port for port in random.sample(PORTS, len(PORTS)) if not _listens(port))
    return list(itertools.islice(free, count))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _addresses(ports: Mapping[str, int], host: str) -> str:
    return ",".join(f"{name}://{host}:{port}" for name, port in ports.items())


def _offsets(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """The first offset of a partition and the one behind its last.

    The metadata is asked for anew each time: by itself librdkafka waits for a dead leader until the
    deadline, and does not learn that there is another one (6 times of 8 within 40 s).
    """
    deadline = time.monotonic() + CHANGE_SECONDS
    while True:
        try:
            consumer.list_topics(partition.topic, 1)
            return consumer.get_watermark_offsets(partition, 1)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def _to_the_ends(consumer: Consumer, unread: set[int | None], seconds: float) -> Iterator[Message]:
    """What an assigned consumer reads until each of the unread partitions has told its end."""
    deadline = time.monotonic() + seconds
    while unread:
        if time.monotonic() > deadline:
            raise TimeoutError(f"partitions {unread} not read to their ends in {seconds} s")
        for message in consumer.consume(1000, POLL_SECONDS):
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(message.partition())
            elif not error.retriable():
                raise KafkaException(error)


def _in_sync(topic: TopicMetadata | None, partitions: int) -> bool:
    found = topic.partitions.values() if topic is not None else ()
    return len(found) == partitions and all(
        each.leader >= 0 and len(each.isrs) == len(each.replicas) for each in found
    )


def _write_identity(certificate: trustme.LeafCert, path: Path) -> None:
    """Key and certificates as Kafka reads them: PKCS 8, where trustme writes the key as PKCS 1 or SEC 1."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), password=None)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(pem + b"".join(each.bytes() for each in certificate.cert_chain_pems))
