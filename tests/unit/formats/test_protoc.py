"""A .proto is compiled without a file, and what is wrong with it is told with its own names."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from processor.errors import EventError
from processor.formats.protoc import MOST_BLOCKS, MOST_BYTES, compiled
from processor.logs.writer import LogWriter

MONEY = 'syntax = "proto3"; package common; message Money { int64 units = 1; }'
ORDER = (
    'syntax = "proto3"; import "common/money.proto"; import "google/protobuf/timestamp.proto";'
    "message Order { common.Money price = 1; google.protobuf.Timestamp at = 2; }"
)


def test_a_text_is_compiled_with_what_it_imports() -> None:
    found = descriptor_pb2.FileDescriptorSet.FromString(compiled(ORDER, {"common/money.proto": MONEY}))
    assert [each.name for each in found.file] == [
        "common/money.proto",
        "google/protobuf/timestamp.proto",
        "schema.proto",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("message", r"schema 7 does not compile: schema\.proto:1:8"),
        (ORDER, r"common/money\.proto"),
        ('syntax = "proto3";' + "message A {" * 100 + "}" * 100, "brackets within each other"),
        ('syntax = "proto3";' + "message A {" * 40 + "}" * 40, "recursion limit for nested messages"),
        ("{" * (MOST_BLOCKS + 1), "more than"),
        ("/" * (MOST_BYTES + 1), "more than"),
    ],
)
def test_what_does_not_compile_is_refused_and_nothing_is_said_or_left_open(
    text: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(EventError, match=says) as error:
        compiled(text, {}, name="schema 7")
    assert error.value.code == "invalid_schema"
    assert "/proc/" not in error.value.message
    assert capfd.readouterr() == ("", "")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_no_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    compiled(ORDER, {"common/money.proto": MONEY})
    with pytest.raises(EventError):
        compiled("message", {})
    assert list(tmp_path.iterdir()) == []


def test_who_compiles_at_once_gets_each_its_own_answer_and_the_log_all_its_lines(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def compile_some(number: int) -> list[str]:
        said = []
        for each in range(15):
            name = f"M{number}x{each}"
            with pytest.raises(EventError) as error:
                compiled(f'syntax = "proto3"; message {name} {{ Missing{name} a = 1; }}', {})
            said.append(error.value.message)
            assert name.encode() in compiled(f'syntax = "proto3"; message {name} {{}}', {})
        return said

    writer = LogWriter(2, lambda lost: b"")
    writer.open()
    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(compile_some, number) for number in range(4)]
        lines = 0
        while not all(each.done() for each in answers):
            writer.put(b"line %d\n" % lines)
            writer.flush(60)
            lines += 1
    for number, answer in enumerate(answers):
        for each, said in enumerate(answer.result()):
            assert f'"MissingM{number}x{each}" is not defined' in said
            assert said.count("Missing") == 1
            assert "line" not in said
    assert capfd.readouterr().err == "".join(f"line {number}\n" for number in range(lines))


@pytest.mark.parametrize(
    "name", ["secret.proto", "../secret.proto", "{}/secret.proto", "google/../secret.proto"]
)
def test_nothing_of_this_machine_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "google").mkdir()
    (tmp_path / "secret.proto").write_text('syntax = "proto3"; message Secret {}', encoding="utf-8")
    monkeypatch.chdir(tmp_path / "google" if name.startswith("..") else tmp_path)
    text = f'syntax = "proto3"; import "{name.format(tmp_path)}"; message A {{ Secret a = 1; }}'
    with pytest.raises(EventError, match="secret"):
        compiled(text, {})
