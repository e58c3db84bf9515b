"""Letters are counted and shown as they stand in their topic, and nobody notices."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import confluent_kafka
import pytest
import yaml
from confluent_kafka import TopicPartition
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from processor.core.dead_letter import CONNECT, OURS, DeadLetterPolicy, Failure, write_down
from processor.core.progress.offset_codec import Span, encode
from processor.model import RecordHeaders, Response
from tests.support.apache_kafka import Broker, GuardedBroker
from tests.support.builders import record
from tests.support.endpoint import HOST, unused_port
from tests.unit.cli.typing import Done, asked

pytestmark = pytest.mark.kafka

NOVEMBER = 1_795_000_000.0
SECRET = "quite-a-secret"
POLICY = DeadLetterPolicy("crm", "g", "1")
OF_CONNECT: RecordHeaders = (
    (CONNECT + "topic", b"orders"),
    (CONNECT + "partition", b"2"),
    (CONNECT + "offset", b"7"),
)


def refused(status: int, at: float) -> Failure:
    answer = Response(status, None, b"sorry")
    return Failure("refused", "no", "TASK_PUT", "x", 1, at, at, response=answer)


class Letters:
    """A dead-letter topic of one partition, and the settings that name it."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self._broker = broker
        self.topic = f"letters-{uuid4()}"
        broker.create_topic(self.topic, 1)
        self.file = folder / "settings.yaml"
        self.configure(broker.bootstrap_servers)

    def configure(self, servers: str, **login: str) -> None:
        said = {
            "kafka": {"bootstrap_servers": servers, "group_id": self.topic, "topics": ["events"]} | login,
            "dead_letter": {"topic": self.topic},
            "destination": {
                "name": "crm",
                "url": "https://h.example/base",
                "headers": {"Authorization": f"Bearer {SECRET}"},
            },
        }
        self.file.write_text(yaml.safe_dump(said), encoding="utf-8")

    def write(self, *failures: Failure | RecordHeaders) -> None:
        """One letter of each, of the record of its number."""
        written: list[tuple[bytes | None, bytes | None, Any]] = []
        for n, failure in enumerate(failures):
            if isinstance(failure, Failure):
                letter = write_down(POLICY, record(n, key=b"k%d" % n, value=b'{"n":"v"}'), failure)
                written.append((letter.key, letter.value, list(letter.headers)))
            else:
                written.append((b"c", SECRET.encode(), list(failure)))
        self._broker.produce(self.topic, written)

    def bring_back(self, offset: int, *finished: Span) -> None:
        """What the standing group has committed."""
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": self._broker.bootstrap_servers, "group.id": self.topic + ".letters"}
        )
        position = TopicPartition(self.topic, 0, offset, encode(offset, finished)[0])
        consumer.commit(offsets=[position], asynchronous=False)
        consumer.close()

    def ask(self, *arguments: str) -> Done:
        return asked("letters", *arguments, "-c", str(self.file))

    def counts(self, *arguments: str) -> dict[tuple[str, int | None], int]:
        """Those that are open, by code and status."""
        done = self.ask("--json", *arguments)
        assert done.returncode == 0, done.stderr
        kinds = [json.loads(line) for line in done.stdout.splitlines()]
        return {(kind["code"], kind["status"]): kind["letters"] for kind in kinds}


@pytest.fixture
def letters(apache_kafka: Broker, tmp_path: Path) -> Letters:
    """0 to 2 answered 422 in November, 3 answered 410 in December, 4 of Kafka Connect, 5 unusable."""
    made = Letters(apache_kafka, tmp_path)
    unusable = Failure("invalid_event", "the value is not JSON", "VALUE_CONVERTER", "x")
    december = refused(410, NOVEMBER + 30 * 86400)
    made.write(*[refused(422, NOVEMBER)] * 3, december, OF_CONNECT, unusable)
    return made


def test_they_are_counted_by_kind(letters: Letters) -> None:
    assert letters.counts() == {
        ("refused", 422): 3,
        ("refused", 410): 1,
        ("connect", None): 1,
        ("invalid_event", None): 1,
    }
    table = letters.ask().stdout.splitlines()
    assert table[0] == f"{letters.topic}: 6 open, 0 brought back"
    assert table[2].split()[:4] == ["3", "refused", "422", "crm"]
    assert f"{letters.topic}/0/0 {letters.topic}/0/1" in table[2]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--code", "connect", "--code", "invalid_event"], 2),
        (["--status", "4xx"], 4),
        (["--status", "422", "--limit", "2"], 2),
        (["--status", "4xx", "--until", "2026-12-01T00:00:00Z"], 3),
        (["--status", "4xx", "--since", "2026-12-01T00:00:00Z"], 1),
        (["--key", "k0", "--key", "c"], 2),
        (["--key", "\udcff"], 0),
        (["--topic", "orders"], 1),
        (["--destination", "erp"], 0),
    ],
)
def test_those_are_counted_that_are_asked_for(letters: Letters, arguments: list[str], found: int) -> None:
    assert sum(letters.counts(*arguments).values()) == found


def test_how_many_are_open_besides_is_said_where_some_are_asked_for(letters: Letters) -> None:
    said = letters.ask("--code", "refuse").stdout
    assert said == f"{letters.topic}: 0 open, 0 brought back, 6 open ones are not meant\n"


def test_those_that_were_brought_back_are_open_no_more(letters: Letters) -> None:
    letters.bring_back(2, Span(3, 4), Span(5, 6))
    assert letters.counts() == {("refused", 422): 1, ("connect", None): 1}
    assert letters.ask().stdout.splitlines()[0] == f"{letters.topic}: 2 open, 4 brought back"


def test_a_position_behind_the_end_of_the_topic_is_told_and_nothing_is_deleted_for_it(
    letters: Letters,
) -> None:
    letters.bring_back(7)
    for arguments in ((), ("purge", "--yes"), ("redeliver",)):
        done = letters.ask(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert "was it made anew, or cut?" in done.stderr
    letters.bring_back(0)
    assert sum(letters.counts().values()) == 6


def test_what_a_letter_says_moves_no_cursor_and_makes_no_line(apache_kafka: Broker, tmp_path: Path) -> None:
    made = Letters(apache_kafka, tmp_path)
    made.write(((OURS + "destination", b"\x1b[31m\nforged\xc2\x9b1m"), ("h", b"\xc2\x9b")))
    table = made.ask().stdout
    assert "\\u001b[31m\\nforged\\u009b1m" in table
    shown = made.ask("show", f"{made.topic}/0/0").stdout
    assert all(c.isprintable() or c == "\n" for c in table + shown)
    assert json.loads(shown)["headers"][1] == ["h", "\x9b"]


def test_one_is_shown_whole_its_value_only_when_asked_for_and_no_secret_ever(letters: Letters) -> None:
    first = json.loads(letters.ask("show", f"{letters.topic}/0/0").stdout)
    assert (first["code"], first["status"], first["key"]) == ("refused", 422, "k0")
    assert (first["value"], first["origin"]) == ('{"n": "***"}', "events/0/0")
    assert ["__webhook_processor.response.body", "sorry"] in first["headers"]
    whole = json.loads(letters.ask("show", f"{letters.topic}/0/0", "--payload").stdout)
    assert whole["value"] == '{"n":"v"}'
    secret = json.loads(letters.ask("show", f"{letters.topic}/0/4", "--payload").stdout)
    assert secret["value"] == "***"


def test_what_is_not_there_or_means_nothing_is_told(letters: Letters) -> None:
    beyond = letters.ask("show", f"{letters.topic}/0/6")
    assert (beyond.returncode, beyond.stdout) == (1, "")
    assert f"{letters.topic}/0 holds 0 to 5" in beyond.stderr
    assert letters.ask("show", f"{letters.topic}/7/0").returncode == 1
    for wrong in (
        ["show", "x"],
        ["--status", "teapot"],
        ["--since", "latest"],
        ["--since", "2h", "--until", "3h"],
        ["--offset", "x/y"],
        ["--limit", "1", "redeliver"],
        ["-c", str(letters.file), "show", f"{letters.topic}/0/0"],
    ):
        assert letters.ask(*wrong).returncode == 2, wrong


def test_a_topic_that_is_empty_has_none(apache_kafka: Broker, tmp_path: Path) -> None:
    empty = Letters(apache_kafka, tmp_path)
    assert empty.counts() == {}
    assert empty.ask().stdout == f"{empty.topic}: 0 open, 0 brought back\n"


def test_who_may_not_know_the_group_is_told_so_and_sees_a_letter_all_the_same(
    guarded_kafka: GuardedBroker, tmp_path: Path
) -> None:
    made = Letters(guarded_kafka, tmp_path)
    made.write(refused(422, NOVEMBER))
    made.configure(
        guarded_kafka.guest_settings["bootstrap.servers"],
        security_protocol="sasl_plaintext",
        sasl_mechanism="PLAIN",
        sasl_username=guarded_kafka.username,
        sasl_password=guarded_kafka.password,
    )
    guarded_kafka.allow(AclOperation.READ, ResourceType.TOPIC, made.topic)
    counted = made.ask()
    assert (counted.returncode, "grant Read on it" in counted.stderr) == (1, True), counted.stderr
    assert json.loads(made.ask("show", f"{made.topic}/0/0").stdout)["status"] == 422


def test_brokers_that_are_away_are_told(apache_kafka: Broker, tmp_path: Path) -> None:
    made = Letters(apache_kafka, tmp_path)
    made.configure(f"{HOST}:{unused_port()}")
    done = made.ask()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error")
