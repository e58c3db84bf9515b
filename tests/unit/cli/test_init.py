"""The command `init`: what it asks, what it writes, and what it leaves alone."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from tests.support.terminal import open_terminal
from tests.unit.cli.typing import COMMAND, asked

ANSWERS = (
    "--brokers",
    "localhost:9092",
    "--topic",
    "events",
    "--group",
    "crm",
    "--url",
    "https://h.example/a",
)


def test_check_accepts_the_file_and_what_comes_next_is_said(tmp_path: Path) -> None:
    file = tmp_path / "my settings.yaml"
    done = asked("init", *ANSWERS, "--output", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert asked("check", "-c", str(file)).returncode == 0
    *_, last = done.stdout.splitlines()
    assert f"webhook-processor check --connect -c '{file}'" in last
    assert f"preview -c '{file}' --from TOPIC, then run -c '{file}'" in last


def test_standard_output_gets_the_file_alone(tmp_path: Path) -> None:
    done = asked("init", *ANSWERS, "--topic", "others", "--output", "-")
    assert "  topics: [events, others]\n" in done.stdout
    file = tmp_path / "settings.yaml"
    file.write_text(done.stdout, encoding="utf-8")
    assert asked("check", "-c", str(file)).returncode == 0


def test_without_a_terminal_everything_that_is_missing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    done = asked("init", "--topic", "events", "--group", " ", "--output", str(file))
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "error --brokers",
        "error --group",
        "error --url",
    ]
    assert not file.exists()


def test_answers_that_are_wrong_are_told_in_our_words(tmp_path: Path) -> None:
    wrong = ("--brokers", "a b", "--topic", "^(", "--group", "g", "--url", "https://{host}/")
    done = asked("init", *wrong, "--output", str(tmp_path / "settings.yaml"))
    assert done.returncode == 2
    told = {line.split(": ")[0] for line in done.stderr.splitlines()}
    assert told == {"error --brokers", "error --topic", "error --url"}
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("mine", encoding="utf-8")
    done = asked("init", *ANSWERS, "--output", str(file))
    assert (done.returncode, file.read_text()) == (2, "mine")
    assert f"error {file}: is there already (--force replaces it" in done.stderr
    assert asked("init", *ANSWERS, "--force", "--output", str(file)).returncode == 0
    assert "group_id: crm" in file.read_text()


def test_a_link_to_nothing_is_a_file_that_is_there(tmp_path: Path) -> None:
    link = tmp_path / "settings.yaml"
    link.symlink_to(tmp_path / "elsewhere")
    assert asked("init", *ANSWERS, "--output", str(link)).returncode == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_place_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    done = asked("init", *ANSWERS, "--output", str(tmp_path / "absent" / "settings.yaml"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("settings.yaml: cannot be written: No such file or directory\n")


@pytest.mark.slow
@pytest.mark.parametrize("ends_early", [False, True])
def test_on_a_terminal_what_was_not_said_is_asked_until_it_can_be_used(
    tmp_path: Path, ends_early: bool
) -> None:
    file = tmp_path / "settings.yaml"
    ours, theirs = open_terminal()
    command = [COMMAND, "init", "--group", "crm", "--output", str(file)]
    with subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE) as process:
        os.close(theirs)
        os.write(ours, b"no broker\nlocalhost:9092\nevents, more\n")
        os.write(ours, b"\x04" if ends_early else b"https://h.example/a\n")
        status = process.wait(PATIENCE)
    told = os.read(ours, 65536).decode()
    os.close(ours)
    assert "--brokers: 'no broker' is no broker" in told
    assert "Consumer group" not in told
    if ends_early:
        assert (status, file.exists(), "--url: is missing" in told) == (2, False, True)
    else:
        assert status == 0, told
        assert "topics: [events, more]" in file.read_text()
