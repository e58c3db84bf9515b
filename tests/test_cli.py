"""The command as people type it: what it prints, where, and its exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml

from processor import __version__
from processor.kafka.embedded import EmbeddedBroker
from tests.endpoint import Endpoint, unused_port

COMMAND = str(Path(sys.executable).with_name("webhook-processor"))
CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "core" / "requests.json").read_text())
BASE: dict[str, Any] = {
    "kafka": {"bootstrap_servers": "localhost:9092", "group_id": "g", "topics": ["events"]},
    "dead_letter": {"topic": "events.dlq"},
}
CONFIGURED = sorted({json.dumps(case["config"], sort_keys=True) for case in CASES})

Done = subprocess.CompletedProcess[str]


def typed(*arguments: str, text: str | bytes = "", **environ: str) -> Done:
    """Run the command with `text` on standard input."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("WEBHOOK_PROCESSOR")}
    given = text if isinstance(text, bytes) else text.encode()
    done = subprocess.run(
        [COMMAND, *arguments], input=given, capture_output=True, env=env | environ, timeout=60
    )
    return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A file with valid settings."""
    return written(tmp_path, {"url": "https://h.example/base"})


def written(folder: Path, destination: dict[str, Any], **sections: Any) -> Path:
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump({**BASE, "destination": destination, **sections}), encoding="utf-8")
    return file


def shown(line: str) -> dict[str, Any]:
    """A line of `preview` in the form of the conformance cases."""
    got = json.loads(line)
    if "error" in got:
        return {"error": got["error"]["code"]}
    url, _, query = got["url"].partition("?")
    return {
        "method": got["method"],
        "url": url,
        "query": sorted([name, value] for name, value in parse_qsl(query, keep_blank_values=True)),
        "headers": {name.lower(): value for name, value in got["headers"].items()},
        "body": None if got["body"] is None else json.loads(got["body"]),
    }


@pytest.mark.parametrize("configured", CONFIGURED)
def test_preview_shows_every_conformance_case_as_it_should_be(tmp_path: Path, configured: str) -> None:
    cases = [case for case in CASES if json.dumps(case["config"], sort_keys=True) == configured]
    file = written(tmp_path, json.loads(configured))
    done = typed("preview", "-c", str(file), text="\n".join(json.dumps(case["event"]) for case in cases))
    assert done.returncode == 0, done.stderr
    assert [shown(line) for line in done.stdout.splitlines()] == [case["expect"] for case in cases]


def test_preview_reads_a_file_and_answers_line_by_line(settings: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(b'{"n":1}\n\nnull\nnot json\n\xff\n[1]\n')
    done = typed("preview", "-c", str(settings), str(events))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["body"] == '{"n":1}'
    assert lines[1] == {"skipped": "tombstone"}
    assert [line["error"]["code"] for line in lines[2:]] == ["invalid_event"] * 3


def test_preview_shows_a_tombstone_as_an_error_where_it_is_a_dead_letter(tmp_path: Path) -> None:
    file = written(tmp_path, {"url": "http://h.example"}, delivery={"tombstones": "dead_letter"})
    done = typed("preview", "-c", str(file), text="null\n")
    assert json.loads(done.stdout)["error"]["code"] == "tombstone"


@pytest.mark.parametrize("command", ["run", "check", "preview"])
def test_a_bad_configuration_is_told_whole_and_ends_with_2(tmp_path: Path, command: str) -> None:
    file = written(tmp_path, {"url": "ftp://h.example", "metod": "GET"}, delivery={"max_in_flight": 0})
    done = typed(command, "-c", str(file))
    assert done.returncode == 2
    assert done.stdout == ""
    for path in ("destination.url", "destination.metod", "delivery.max_in_flight"):
        assert f"error {path}: " in done.stderr
    assert "did you mean destination.method?" in done.stderr


def test_an_option_that_librdkafka_does_not_know_is_told_before_anything_is_connected(tmp_path: Path) -> None:
    kafka = BASE["kafka"] | {"client": {"no.such.option": 1}}
    done = typed("run", "-c", str(written(tmp_path, {"url": "http://h.example"}, kafka=kafka)))
    assert done.returncode == 2
    assert "no.such.option" in done.stderr


def test_check_says_that_nothing_is_wrong(settings: Path) -> None:
    done = typed("check", "-c", str(settings))
    assert (done.returncode, done.stdout) == (0, "ok    the configuration can be used\n")


def test_check_prints_a_schema_that_names_every_section() -> None:
    done = typed("check", "--schema")
    assert done.returncode == 0
    assert {"kafka", "dead_letter", "destination", "retry"} <= set(json.loads(done.stdout)["properties"])


async def test_check_connect_reports_everything_that_it_tried(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        for topic in ("events", "events.dlq"):
            broker.create_topic(topic)
        async with Endpoint() as endpoint:
            kafka = BASE["kafka"] | {"bootstrap_servers": broker.bootstrap_servers}
            done = typed(
                "check", "--connect", "-c", str(written(tmp_path, {"url": endpoint.url}, kafka=kafka))
            )
        assert done.returncode == 0, done.stderr
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok"] * 5


def test_check_connect_ends_with_2_where_something_cannot_be_reached(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        broker.create_topic("events")
        broker.create_topic("events.dlq")
        kafka = BASE["kafka"] | {"bootstrap_servers": broker.bootstrap_servers}
        file = written(tmp_path, {"url": f"http://127.0.0.1:{unused_port()}"}, kafka=kafka)
        done = typed("check", "--connect", "-c", str(file))
    assert done.returncode == 2
    assert "error endpoint http://127.0.0.1" in done.stderr


def test_version_is_printed() -> None:
    assert typed("version").stdout == __version__ + "\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("run", "check", "preview", "demo", "version")),
        (("run", "--help"), ("--config", "Exit status")),
        (("check", "--help"), ("--connect", "--schema")),
        (("preview", "--help"), ("EVENTS", "nothing is sent")),
        (("demo", "--help"), ("--keep",)),
        (("version", "--help"), ("version",)),
    ],
)
def test_help_tells_a_newcomer_what_there_is(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    done = typed(*arguments, COLUMNS="120", NO_COLOR="1")
    assert not [word for word in words if word not in done.stdout + done.stderr]
