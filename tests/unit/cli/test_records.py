"""`preview --records` shows what records become, byte for byte, whatever they carry."""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml

from processor.cli.records import plain, read
from processor.model import Partition, Record
from tests.unit.cli.test_commands import BASE
from tests.unit.cli.typing import asked

pytestmark = pytest.mark.slow

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "records.json").read_text(encoding="utf-8")
)["vectors"]
ELSEWHERE = ("registry", "avro", "protobuf")
READ = [vector for vector in VECTORS if vector["settings"].get("record", {}).get("value") not in ELSEWHERE]
"""Those that need no schema."""
SAID = sorted({json.dumps(vector["settings"], sort_keys=True) for vector in READ})


def preview(folder: Path, settings: dict[str, Any], *lines: str) -> list[dict[str, Any]]:
    file = folder / "settings.yaml"
    destination = {"url": "https://h.example/base", **settings.get("destination", {})}
    file.write_text(yaml.safe_dump({**BASE, **settings, "destination": destination}), encoding="utf-8")
    done = asked("preview", "-c", str(file), "--records", text="\n".join(lines))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def body_of(shown: dict[str, Any]) -> bytes:
    return b64decode(shown["body_base64"]) if "body_base64" in shown else shown["body"].encode()


def exactly(text: str | bytes) -> Any:
    """With numbers as they are written."""
    return json.loads(text, parse_int=str, parse_float=str)


def judge(expect: dict[str, Any], shown: dict[str, Any]) -> None:
    """Whether what is shown is what a vector expects."""
    if "error" in expect:
        assert shown["error"]["code"] == expect["error"]["code"]
        assert expect["error"]["message_has"] in shown["error"]["message"]
    elif "skipped" in expect:
        assert shown == {"skipped": expect["skipped"]}
    elif "event_json" in expect:
        assert exactly(body_of(shown)) == exactly(expect["event_json"])
    else:
        headers = {name.lower(): value for name, value in shown["headers"].items()}
        asked = {name.lower(): value for name, value in expect["request"]["headers"]}
        assert asked.items() <= headers.items()
        assert not {name.lower() for name in expect["request"]["headers_absent"]} & headers.keys()
        assert body_of(shown) == b64decode(expect["request"].get("body_base64", b64encode(body_of(shown))))


def test_all_but_the_value_may_be_left_out() -> None:
    assert read(b'{"value_base64":null}') == Record(Partition("", 0), 0, None, None, (), None, 0)
    assert read(b'{"value_base64":"e30="}') == plain(b"{}")
    line = (
        '{"topic":"t","partition":3,"offset":42,"timestamp_ms":1500,"key_base64":"//4=","value_base64":"AP8=",'
        '"headers":[["a",null],["a","AQ=="]]}'
    )
    headers = (("a", None), ("a", b"\x01"))
    assert read(line.encode()) == Record(Partition("t", 3), 42, b"\xff\xfe", b"\x00\xff", headers, 1.5, 0)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("x", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "value_base64"),
        ("{}", "value_base64"),
        ('{"value_base64":"e30"}', "value_base64"),
        ('{"value_base64":5}', "value_base64"),
        ('{"value_base64":"ü"}', "value_base64"),
        ('{"value_base64":null,"valeu":1}', "'valeu'"),
        ('{"value_base64":null,"topic":5}', "topic"),
        ('{"value_base64":null,"offset":-1}', "offset"),
        ('{"value_base64":null,"offset":true}', "offset"),
        ('{"value_base64":null,"partition":"0"}', "partition"),
        ('{"value_base64":null,"timestamp_ms":1.5}', "timestamp_ms"),
        ('{"value_base64":null,"headers":{"a":"b"}}', "headers"),
        ('{"value_base64":null,"headers":[["a"]]}', "headers"),
        ('{"value_base64":null,"headers":[[1,null]]}', "the name of a header"),
        ('{"value_base64":null,"headers":[["a","?"]]}', "the header a"),
    ],
)
def test_a_line_that_is_no_record_is_told_by_its_member(line: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        read(line.encode())


def test_preview_ends_with_2_at_a_line_that_is_no_record_and_names_it(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({**BASE, "destination": {"url": "https://h.example"}}), encoding="utf-8")
    text = '{"value_base64":"e30="}\n\n{"value":1}\n'
    done = asked("preview", "-c", str(file), "--records", text=text)
    assert (done.returncode, done.stdout.count("\n")) == (2, 1)
    assert "line 3" in done.stderr


@pytest.mark.parametrize("said", SAID)
def test_every_record_that_needs_no_schema_becomes_what_it_should(tmp_path: Path, said: str) -> None:
    assert len(READ) == 28
    vectors = [vector for vector in READ if json.dumps(vector["settings"], sort_keys=True) == said]
    shown = preview(tmp_path, json.loads(said), *(json.dumps(vector["record"]) for vector in vectors))
    assert len(shown) == len(vectors)
    for vector, each in zip(vectors, shown, strict=True):
        judge(vector["expect"], each)


# Values by a schema file

FILED = {
    vector["name"]: vector
    for vector in VECTORS
    if vector["name"]
    in (
        "avro decimal wider than its precision",
        "avro union tagged",
        "avro RudderStack track",
        "refused: truncated avro",
        "protobuf second message (indexes [1])",
        "protobuf names as in the .proto",
    )
}
"""Some of a registry, whose frames are taken off and whose schemas stand in files."""


@pytest.mark.parametrize("name", FILED)
def test_a_value_is_decoded_by_a_schema_file(tmp_path: Path, name: str) -> None:
    vector = FILED[name]
    (answer,) = vector["registry"].values()
    is_avro = answer.get("schemaType") != "PROTOBUF"
    (tmp_path / "schema").write_text(answer["schema"], encoding="utf-8")
    for reference in answer.get("references", ()):
        file = tmp_path / reference["name"]
        file.parent.mkdir(exist_ok=True)
        subject = f"{reference['subject']}/{reference['version']}"
        file.write_text(vector["subjects"][subject]["schema"], encoding="utf-8")
    settings = vector["settings"]["record"] | {
        "value": "avro" if is_avro else "protobuf",
        "schema_file": str(tmp_path / "schema"),
    }
    if not is_avro:
        settings["message"] = "shop.Order"
    value = b64decode(vector["record"]["value_base64"])[5 if is_avro else 7 :]
    line = json.dumps(vector["record"] | {"value_base64": b64encode(value).decode()})
    (shown,) = preview(tmp_path, {"record": settings}, line)
    judge(vector["expect"], shown)


@pytest.mark.parametrize("command", ["check", "preview"])
def test_a_schema_file_that_cannot_be_used_ends_every_command_with_2(tmp_path: Path, command: str) -> None:
    (tmp_path / "schema").write_text("{", encoding="utf-8")
    file = tmp_path / "settings.yaml"
    record = {"value": "avro", "schema_file": str(tmp_path / "schema")}
    said = {**BASE, "destination": {"url": "https://h.example"}, "record": record}
    file.write_text(yaml.safe_dump(said), encoding="utf-8")
    done = asked(command, "-c", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error record.schema_file: schema is not JSON\n"
