"""`preview --from` against a broker: the first records that stand there, and a word where there are none."""

import json
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka
import pytest
import yaml

from processor.kafka.embedded import EmbeddedBroker
from tests.unit.cli.typing import asked


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """Settings for a topic `events` that holds two records, and for an empty one."""
    with EmbeddedBroker() as broker:
        for topic in ("events", "empty"):
            broker.create_topic(topic)
        producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
        for number in range(2):
            producer.produce("events", b"%d" % number)
        assert producer.flush(10) == 0
        said = {
            "kafka": {"bootstrap_servers": broker.bootstrap_servers, "group_id": "g", "topics": ["events"]},
            "dead_letter": {"topic": "letters"},
            "destination": {"url": "https://h.example/base"},
        }
        settings = tmp_path / "settings.yaml"
        settings.write_text(yaml.safe_dump(said), encoding="utf-8")
        yield settings


def test_earliest_is_where_a_partition_begins_whatever_times_its_records_have(file: Path) -> None:
    done = asked("preview", "-c", str(file), "--from", "events", "--at", "earliest", "--count", "1")
    assert [json.loads(line)["offset"] for line in done.stdout.splitlines()] == [0]


def test_a_topic_with_nothing_to_show_is_told(file: Path) -> None:
    empty = asked("preview", "-c", str(file), "--from", "empty")
    assert (empty.returncode, empty.stdout) == (0, "")
    assert empty.stderr == "warn  topic empty: nothing to show, it is empty\n"
    beyond = asked("preview", "-c", str(file), "--from", "events", "--at", "2")
    assert beyond.stderr == "warn  topic events: nothing to show, it holds nothing from 2 on\n"


def test_attributes_of_cloudevents_that_would_not_be_sent_are_told_once(file: Path) -> None:
    event = '{"value_base64": "e30=", "headers": [["ce_specversion", "MS4w"]]}\n'
    done = asked("preview", "-c", str(file), "--records", text=event * 2)
    assert len(done.stdout.splitlines()) == 2
    (said,) = done.stderr.splitlines()
    assert "record.value: cloudevent sends their attributes too" in said
    with file.open("a", encoding="utf-8") as settings:
        settings.write("record: {value: cloudevent}\n")
    assert asked("preview", "-c", str(file), "--records", text=event).stderr == ""


def test_from_without_a_topic_is_told_and_takes_no_other_option_for_one(file: Path) -> None:
    done = asked("preview", "--from", "-c", str(file))
    assert done.returncode == 2
    assert "a topic has to follow, and not -c" in done.stderr
