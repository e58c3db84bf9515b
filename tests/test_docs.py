"""The README says what the code does: its tables are made from it, its example is valid, its commands run."""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import confluent_kafka
import pytest
import typer.main

from processor.cli import app
from processor.config import loading
from processor.kafka.embedded import EmbeddedBroker
from tests import docs
from tests.support.endpoint import Endpoint
from tests.unit.core.pace import links

README = docs.README.read_text(encoding="utf-8")
ROOT = docs.README.parent
BIN = Path(sys.executable).parent
COMMANDS = re.findall(r"^\$ (.*)$", README, re.MULTILINE)


def example() -> str:
    """The complete configuration of the README."""
    text, *_ = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    return str(text)


def test_the_tables_are_those_that_the_code_makes() -> None:
    assert docs.written(README) == README, "run `make docs`"
    for table in docs.tables().values():
        assert table in README


def test_the_example_is_a_valid_configuration(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(example(), encoding="utf-8")
    settings = loading.load(file, {"CRM_TOKEN": "Bearer abc"})
    assert settings.destination.headers["Authorization"].get_secret_value() == "Bearer abc"


def test_every_setting_named_in_the_text_exists() -> None:
    names = {name for name, _ in loading.fields()}
    sections = {name.partition(".")[0] for name in names}
    named = {
        name
        for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", README)
        if name.partition(".")[0] in sections
    }
    assert named <= names | {f"{section}.client" for section in sections}
    assert len(named) > 40


@pytest.mark.parametrize("endpoint", ["16 servers", "429 beyond 20"])
def test_the_table_of_simulated_endpoints_is_what_the_simulator_says(endpoint: str) -> None:
    *_, row = links.table(links.SEEDS, [links.SCENARIOS[endpoint]]).splitlines()
    assert row in README.splitlines(), "put in what `python -m tests.unit.core.pace.links` prints"


def test_every_line_of_the_guarantees_names_tests_that_exist() -> None:
    section = README.partition("## What is guaranteed")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        proofs = re.findall(r"\]\((tests/[a-z_/]+\.py)\)", row.split("|")[3])
        assert proofs, row
        assert all((ROOT / proof).is_file() for proof in proofs), row


def test_every_command_and_flag_is_mentioned() -> None:
    command = typer.main.get_command(app)
    assert {"run", "check", "preview", "demo", "version"} == set(command.commands)  # type: ignore[attr-defined]
    for name, sub in command.commands.items():  # type: ignore[attr-defined]
        assert name == "version" or re.search(rf"\b{name}\b", README)
        for option in sub.params:
            assert name == "preview" or any(flag in README for flag in option.opts), option.opts


def test_the_commands_are_the_ones_tried_here() -> None:
    assert COMMANDS == [
        "make demo",
        "make test",
        "pip install .",
        "webhook-processor check -c settings.yaml",
        "webhook-processor preview -c settings.yaml events.jsonl",
        "webhook-processor run -c settings.yaml",
        "webhook-processor run -c settings.yaml --workers auto",
    ]


def test_make_knows_the_two_commands_and_the_demo_adds_up() -> None:
    plan = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True)
    assert plan.returncode == 0
    assert "python -m tests" in plan.stdout
    done = subprocess.run(["make", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_can_be_installed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "processor", source / "processor")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "."]
    done = subprocess.run(
        [*command, "--target", str(tmp_path / "target")], cwd=source, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / "processor" / "cli.py").exists()
    assert (tmp_path / "target" / "bin" / "webhook-processor").exists()
    page = ROOT / "processor" / "admin" / "live"
    installed = tmp_path / "target" / "processor" / "admin" / "live"
    assert {file.name for file in installed.iterdir()} == {file.name for file in page.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the README's commands name."""
    (tmp_path / "settings.yaml").write_text(example(), encoding="utf-8")
    (tmp_path / "events.jsonl").write_text('{"type":"track","event":"a"}\n', encoding="utf-8")
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    """As an operator has it, with the secret that the example asks for."""
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "CRM_TOKEN": "Bearer abc", **more}


def test_check_and_preview_do_what_the_text_says(folder: Path) -> None:
    checked, previewed = (
        subprocess.run(shlex.split(command), cwd=folder, env=environment(), capture_output=True, text=True)
        for command in COMMANDS[3:5]
    )
    assert (checked.returncode, previewed.returncode) == (0, 0), checked.stderr + previewed.stderr
    assert json.loads(previewed.stdout)["url"] == "https://crm.example.com/hooks/rudderstack"


@pytest.mark.parametrize("command", COMMANDS[5:7])
async def test_run_delivers_and_ends_on_sigterm(folder: Path, command: str) -> None:
    with EmbeddedBroker() as broker:
        for topic in ("events", "events.dlq"):
            broker.create_topic(topic)
        producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
        producer.produce("events", '{"type":"track"}')
        assert producer.flush(10) == 0
        async with Endpoint() as endpoint:
            env = environment(
                WEBHOOK_PROCESSOR__KAFKA__BOOTSTRAP_SERVERS=broker.bootstrap_servers,
                WEBHOOK_PROCESSOR__DESTINATION__URL=endpoint.url,
                WEBHOOK_PROCESSOR__ADMIN__PORT="0",
            )
            running = await asyncio.create_subprocess_exec(*shlex.split(command), cwd=folder, env=env)
            (arrival,) = await endpoint.received(1)
            running.send_signal(signal.SIGTERM)
            assert await running.wait() == 0
    assert arrival.header("Authorization") == "Bearer abc"
