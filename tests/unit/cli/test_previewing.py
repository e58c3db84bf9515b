"""`preview --records` asks the schema registry, and shows what `run` makes of its answers."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.endpoint import Reply, unused_port
from tests.support.registry import FakeRegistry
from tests.unit.cli.test_commands import BASE
from tests.unit.cli.test_records import VECTORS, judge
from tests.unit.cli.typing import asked

pytestmark = pytest.mark.slow

Said = dict[str, Any]
ASKED = {
    *("avro timestamp as number", "avro union tagged", "avro schema GUID in a header"),
    *("avro GUID framed in the value", "json schema", "protobuf names as in the .proto"),
    *("protobuf second message (indexes [1])", "protobuf schema as base64 descriptor", "glue frame, zlib"),
    *("refused: schema id unknown", "refused: schema that does not parse", "refused: json schema, array"),
}
"""One of each setting, frame and answer; what values mean is the decoders', who are asked for all of them."""
FRAMED = [vector for vector in VECTORS if vector["name"] in ASKED]


class Served:
    """A registry in a thread of its own: the command has a loop of its own."""

    def __init__(self) -> None:
        self.registry = FakeRegistry()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._run(self.registry.__aenter__())

    def close(self) -> None:
        self._run(self.registry.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.close()


@pytest.fixture
def registry(served: Served) -> FakeRegistry:
    """It knows nothing, and fails nothing."""
    served.registry.schemas, served.registry.subjects, served.registry.fault = {}, {}, None
    served.registry.requests.clear()
    return served.registry


def preview(folder: Path, url: str, settings: Said, *records: Said) -> list[Said]:
    file = folder / "settings.yaml"
    said = {**BASE, "destination": {"url": "https://h.example/base"}, **settings}
    said["schema_registry"] = {"url": url, **settings.get("schema_registry", {})}
    file.write_text(yaml.safe_dump(said), encoding="utf-8")
    lines = "\n".join(map(json.dumps, records))
    done = asked("preview", "-c", str(file), "--records", text=lines)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("vector", FRAMED, ids=lambda vector: vector["name"])
def test_what_pipelines_carry_becomes_the_event_that_it_says(
    tmp_path: Path, registry: FakeRegistry, vector: dict[str, Any]
) -> None:
    registry.schemas, registry.subjects = vector["registry"], vector["subjects"]
    (shown,) = preview(tmp_path, registry.url, vector["settings"], vector["record"])
    judge(vector["expect"], shown)


STRING = {"value_base64": "AAAAAAcCYQ=="}
SETTINGS = {"record": {"value": "registry"}}


def test_a_schema_is_asked_for_once_for_all_records(tmp_path: Path, registry: FakeRegistry) -> None:
    registry.schemas = {"7": {"schema": '"string"'}}
    shown = preview(tmp_path, registry.url, SETTINGS, STRING, STRING)
    assert [each["body"] for each in shown] == ['"a"', '"a"']
    assert registry.asked() == ["/schemas/ids/7"]


def test_while_the_registry_fails_records_are_shown_as_held(tmp_path: Path, registry: FakeRegistry) -> None:
    registry.fault = Reply(503)
    (shown,) = preview(tmp_path, registry.url, SETTINGS, STRING)
    assert "503" in shown["held"]
    (shown,) = preview(tmp_path, f"http://127.0.0.1:{unused_port()}", SETTINGS, STRING)
    assert "no connection" in shown["held"]


def test_json_and_tombstones_are_told_for_what_they_are(tmp_path: Path, registry: FakeRegistry) -> None:
    found = preview(tmp_path, registry.url, SETTINGS, {"value_base64": "e30="}, {"value_base64": None})
    assert "record.value: json" in found[0]["error"]["message"]
    assert found[1] == {"skipped": "tombstone"}
    assert registry.asked() == []


def test_an_id_that_no_registry_gives_is_not_asked_for(tmp_path: Path, registry: FakeRegistry) -> None:
    (shown,) = preview(tmp_path, registry.url, SETTINGS, {"value_base64": "AP////8CYQ=="})
    assert (shown["error"]["code"], registry.asked()) == ("invalid_event", [])


def test_a_row_of_debezium_is_taken_out_of_what_was_decoded(tmp_path: Path, registry: FakeRegistry) -> None:
    row = {"type": "record", "name": "Value", "fields": [{"name": "id", "type": "int"}]}
    envelope = {
        "type": "record",
        "name": "Envelope",
        "fields": [
            {"name": "before", "type": ["null", row]},
            {"name": "after", "type": ["null", "Value"]},
            {"name": "op", "type": "string"},
        ],
    }
    registry.schemas = {"7": {"schema": json.dumps(envelope)}}
    settings = {"record": {"value": "registry", "unwrap": "debezium"}}
    (shown,) = preview(tmp_path, registry.url, settings, {"value_base64": "AAAAAAcAAgICYw=="})
    assert shown["body"] == '{"id":1,"__deleted":"false"}'


def test_what_was_decoded_and_is_no_change_is_not_told_to_be_framed(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    registry.schemas = {"7": {"schema": '"string"'}}
    settings = {"record": {"value": "registry", "unwrap": "debezium"}}
    (shown,) = preview(tmp_path, registry.url, settings, STRING)
    assert (shown["error"]["code"], "looks like" in shown["error"]["message"]) == ("invalid_event", False)


def test_the_example_of_the_documentation_is_what_comes_of_it(
    tmp_path: Path, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_PASSWORD", "hunter2")
    text = (Path(__file__).parents[3] / "docs" / "registry.md").read_text(encoding="utf-8")
    settings, schema, record, row = re.findall(r"```(?:yaml|json)\n(.*?)```", text, re.DOTALL)
    registry.schemas = {"7": {"schema": schema}}
    said = yaml.safe_load(settings)
    said["schema_registry"]["url"] = registry.url
    (shown,) = preview(tmp_path, registry.url, said, json.loads(record))
    assert shown["body"] == row.strip()
    assert registry.requests[0].header("Authorization") == "Basic d2ViaG9va3M6aHVudGVyMg=="
