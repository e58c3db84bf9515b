"""What is asked of letters and cannot be meant is said, before any broker is asked."""

import os
import termios
from pathlib import Path

import pytest
import yaml

from processor.cli.letters.redelivery import Showing
from processor.letters.tally import Progress
from tests.support.terminal import open_terminal
from tests.unit.cli.typing import asked

SETTINGS = {
    "kafka": {"bootstrap_servers": "nowhere.invalid:1", "group_id": "g", "topics": ["events"]},
    "dead_letter": {"topic": "events.dlq"},
    "destination": {"url": "https://h.example/"},
}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("requeue --to events.dlq", "dead-letter topic itself"),
        ("redeliver --parked events.dlq", "dead-letter topic itself"),
        ("redeliver --parked events", "would be sent at once"),
        ("redeliver --run a/b", "no name of a run"),
        ("redeliver --offset events/0/3", "is not in"),
        ("redeliver --offset events", "no place of a letter"),
        ("redeliver --since latest", "no time"),
        ("redeliver --until 2hours", "no time: write 2h"),
        ("requeue --to again --status 42", "42"),
        ("redeliver --rate 0", "rate"),
        ("requeue", "--to"),
    ],
)
def test_what_cannot_be_meant_is_said_before_any_broker_is_asked(
    tmp_path: Path, arguments: str, words: str
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    done = asked("letters", *arguments.split(), "-c", str(file))
    assert done.returncode == 2
    assert words in " ".join(done.stderr.replace("│", " ").split())


def test_how_far_it_is_takes_one_row_of_a_terminal_and_what_is_logged_begins_there() -> None:
    ours, its = open_terminal()
    with os.fdopen(its, "w", encoding="utf-8") as screen, os.fdopen(ours, "rb", 0) as seen:
        termios.tcsetwinsize(screen, (24, 60))
        showing = Showing(screen)
        progress = Progress(7, {"delivered": 12_345, "too_often": 3}, 2.0)
        showing.show(progress)
        row = seen.read(4096).decode()
        assert row.startswith("\r\x1b[K[###")
        assert row.endswith("\r")
        assert len(row.removeprefix("\r\x1b[K").rstrip("\r")) < 60 < len(progress.line())
        showing.end()
        assert progress.line() in seen.read(4096).decode()
