"""One object of secrets for a whole process: what is added while it runs is struck out everywhere."""

import logging
from dataclasses import replace

import pytest
import structlog
import typer

from processor.cli import verdict
from processor.config import loading
from processor.config.settings import Settings
from processor.core.dead_letter import Failure, write_down
from processor.core.disclosure import Payloads
from processor.errors import ConfigError, Problem
from processor.logs import output
from processor.model import Request, Response
from processor.telemetry.live_events import Live
from processor.telemetry.watch import Filter
from processor.workers.worker import settings_of
from tests.support.builders import record
from tests.support.fakes import VirtualClock
from tests.unit.core.test_redaction import ENCODERS

pytestmark = pytest.mark.usefixtures("log_as_before")

LEARNED = "t0ken-of/later+on"


@pytest.fixture
def settings() -> Settings:
    said = {
        "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "KAFKA__GROUP_ID": "group",
        "KAFKA__TOPICS": "events",
        "DEAD_LETTER__TOPIC": "events.dlq",
        "DESTINATION__URL": "https://h.example/hook",
        "DESTINATION__HEADERS": '{"Authorization": "Bearer configured-token"}',
    }
    return loading.load(None, {f"WEBHOOK_PROCESSOR__{name}": value for name, value in said.items()})


def test_what_is_added_later_stands_in_no_line_letter_page_or_error(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    clock = VirtualClock()
    output.configure("info", "json", settings.secrets)
    letters = settings.dead_letter_policy()
    live = Live(replace(settings.disclosure_policy(), payloads=Payloads.FULL), clock.time, clock.time)
    settings.secrets.add("token", LEARNED)

    spelt = [encode(LEARNED) for encode in ENCODERS.values()]
    said = " ".join(f"<{each}>" for each in spelt)
    request = Request("POST", f"https://h.example/hook/{LEARNED}", (("Authorization", LEARNED),), b"{}")
    answer = Response(400, None, said.encode())
    failure = Failure("refused", said, "TASK_PUT", "x", 1, 0.0, 0.0, request, answer)
    live.look("somebody", Filter())
    live.delivered(record(key=said.encode(), value=said.encode()), request, 1, 0.0, answer, 0.0)
    structlog.get_logger().info(said, more=[{said: spelt}])
    logging.getLogger("some library").warning(said)
    with pytest.raises(typer.Exit):
        verdict.refuse(ConfigError([Problem("a", said, "b")]), settings.secrets)
    output.flush(60)
    shown = [
        *capfd.readouterr(),
        repr(write_down(letters, record(value=b"{}"), failure)),
        repr(live.look("somebody", Filter()).entries),
        repr(settings.secrets),
    ]
    assert not [(each, text) for text in shown for each in spelt if each in text]
    assert all("***" in text for text in shown[1:-1])


def test_a_worker_shares_the_secrets_that_its_log_strikes(settings: Settings) -> None:
    assert settings_of(settings, 3).secrets is settings.secrets
