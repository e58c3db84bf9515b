"""Texts say what the code does: tables are made from it, links lead, examples are valid, commands run."""

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
from typing import Any

import confluent_kafka
import pytest
import typer.main

from deploy.dashboard import grafana
from processor.cli.commands import app
from processor.config import loading
from processor.core.dead_letter import CODES
from processor.core.letters.letter import FROM_CONNECT
from processor.core.request.transform import Prepared
from processor.kafka.embedded import EmbeddedBroker
from processor.model import Request
from processor.traffic.preparation import Preparation
from tests import docs
from tests.packaging.helm import made as chart
from tests.support.builders import prepared
from tests.support.endpoint import Endpoint
from tests.unit.cli.typing import asked
from tests.unit.core.pace import links

ROOT = docs.ROOT
README = docs.README.read_text(encoding="utf-8")
PAGES = {page: page.read_text(encoding="utf-8") for page in docs.pages()}
EVERYTHING = "\n".join(PAGES.values())
BESIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/runbook.md")
"""Other texts whose links are followed."""
CHART = ROOT / "helm" / "kafka-webhook-processor" / "README.md"
MOST_LINES = 150
"""Of the README: who comes new reads it to its end."""
THERE = re.compile(r"^\| [^|]+ \|", re.MULTILINE)
"""The first cell of a line of `docs/migration.md`: names of other products."""
OURS = "\n".join(
    THERE.sub("|", text) if page.name == "migration.md" else text for page, text in PAGES.items()
)
BIN = Path(sys.executable).parent
COMMANDS = re.findall(r"^\$ (.*)$", EVERYTHING, re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def example() -> str:
    """The complete configuration of the README, its first."""
    text, *_ = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    return str(text)


def anchors(text: str) -> set[str]:
    """Where a link may lead within a page, as GitHub names its headings."""
    titles = re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(page: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    found = []
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        leads = "://" in link or (
            target.exists() and (not anchor or anchor in anchors(target.read_text(encoding="utf-8")))
        )
        found += [] if leads else [link]
    return found


@pytest.mark.parametrize(
    "page", [*PAGES, *(ROOT / name for name in BESIDE), CHART], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert broken_links(page) == []


def test_a_link_that_leads_nowhere_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    other = tmp_path / "other.md"
    other.write_text("# One, `two` & three\n```\n# no heading\n```\n", encoding="utf-8")
    page.write_text(
        "[a](other.md#one-two--three) [b](other.md#no-heading) [c](none.md) [d](#here) [e](https://x.example/)"
        "\n```\n[f](none.md)\n```\n## Here\n",
        encoding="utf-8",
    )
    assert broken_links(page) == ["other.md#no-heading", "none.md"]


def test_the_readme_is_read_to_its_end_and_leads_to_every_page() -> None:
    assert len(README.splitlines()) <= MOST_LINES
    linked = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", README)}
    assert {str(page.relative_to(ROOT)) for page in PAGES if page != docs.README} <= linked


def test_every_target_and_path_that_contributors_are_told_of_exists() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", contributing + EVERYTHING)) <= targets
    named = set(re.findall(r"`((?:processor|tests|helm|deploy)(?:/[\w*.-]+)+)/?`", contributing + EVERYTHING))
    assert len(named) > 40
    assert {name for name in named if not list(ROOT.glob(name))} == set()


def test_files_that_are_generated_are_marked_so_and_are_there() -> None:
    lines = (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()
    marked = {file for line in lines if "generated" in line for file in ROOT.glob(line.split()[0])}
    assert len(marked) > len([line for line in lines if not line.startswith("#")])
    whole = {file for file in chart.files() if file.suffix == ".json"}
    assert {*whole, grafana.FILE, *ROOT.glob("*.lock"), *ROOT.glob("deploy/*.lock")} <= marked


def test_a_line_of_the_changelog_stands_under_what_it_is() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest, *others = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    kinds = ["On upgrade", "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    title, *parts = re.split(r"^### ", newest, flags=re.MULTILINE)
    assert len(title.strip().splitlines()) == 1, "a line under no heading"
    headings = [part.splitlines()[0] for part in parts]
    assert headings == [kind for kind in kinds if kind in headings]
    assert all(re.match(r"[0-9.]+ - \d{4}-\d\d-\d\d\n", other) for other in others)


def test_the_tables_are_those_that_the_code_makes() -> None:
    made = docs.written()
    assert len(made) == len(docs.tables())
    for page, text in made.items():
        assert text == PAGES[page], "run `make docs`"


def test_the_example_is_a_valid_configuration(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(example(), encoding="utf-8")
    settings = loading.load(file, {"CRM_TOKEN": "Bearer abc"})
    assert settings.destination.headers["Authorization"].get_secret_value() == "Bearer abc"


@pytest.mark.parametrize("page", ["recipes.md", "migration.md"])
def test_every_configuration_shown_is_valid_and_sends_what_stands_beside_it(
    page: str, tmp_path: Path
) -> None:
    """The event below it, or the body below that."""
    text = PAGES[docs.FOLDER / page]
    json_block = r"(?:\n\n```json\n(.*?)\n```)?"
    shown = re.findall(rf"```yaml\n(.*?)```{json_block}{json_block}", text, re.DOTALL)
    assert len(shown) == text.count("```yaml") > 0
    file, secret = tmp_path / "settings.yaml", tmp_path / "url"
    secret.write_text("https://discord.com/api/webhooks/1/abc", encoding="utf-8")
    for configuration, event, body in shown:
        file.write_text(re.sub(r"/run/secrets/[\w-]+", str(secret), configuration), encoding="utf-8")
        names = re.findall(r"from_env: (\w+)", configuration)
        settings = loading.load(file, dict.fromkeys(names, "https://hooks.example/in?sig=abc"))
        if event:
            made = prepared(
                Preparation(settings.request_policy(), settings.filter_policy(), settings.record_policy()),
                event.encode(),
            )
            assert isinstance(made, Request | Prepared)
            request = made if isinstance(made, Request) else made.request
            assert request.body == (body or event).encode()


def test_the_receiver_shown_takes_what_is_signed_and_nothing_else(tmp_path: Path) -> None:
    page = PAGES[docs.FOLDER / "signatures.md"]
    settings, code = re.findall(r"```(?:yaml|python)\n(.*?)```", page, re.DOTALL)
    receiver: dict[str, Any] = {}
    exec(code, receiver)
    secrets = ["whsec_" + "A" * 32, "whsec_" + "B" * 32]
    for name, secret in zip(("new", "old"), secrets, strict=True):
        (tmp_path / f"webhook-{name}").write_text(secret, encoding="utf-8")
    file = tmp_path / "settings.yaml"
    rest, _, _ = example().partition("destination:")
    file.write_text(rest + settings.replace("/run/secrets", str(tmp_path)), encoding="utf-8")
    stands = {"topic": "events", "offset": 7, "value_base64": "e30="}
    done = asked("preview", "-c", str(file), "--records", "--at", "1764252000", text=json.dumps(stands))
    headers = {name.lower(): value for name, value in json.loads(done.stdout)["headers"].items()}

    def is_ours(body: bytes, secret: str, now: float) -> object:
        return receiver["is_ours"](headers, body, secret, lambda: now)

    assert all(is_ours(b"{}", secret, 1764252299) for secret in secrets)
    assert not is_ours(b"{} ", secrets[0], 1764252000)
    assert not is_ours(b"{}", "whsec_" + "C" * 32, 1764252000)
    assert not is_ours(b"{}", secrets[0], 1764252301)


def test_a_cloudevent_goes_out_as_the_page_of_requests_shows_it(tmp_path: Path) -> None:
    part = PAGES[docs.FOLDER / "requests.md"].partition("## Filters")[0]
    *_, settings, record, request = re.findall(r"```(?:yaml|json)\n(.*?)```", part, re.DOTALL)
    file = tmp_path / "settings.yaml"
    file.write_text(settings, encoding="utf-8")
    done = asked("preview", "-c", str(file), "--records", text=record)
    assert json.loads(done.stdout) == json.loads(request)


def test_what_rudderstack_had_and_what_is_written_beside_it_is_a_whole_configuration(tmp_path: Path) -> None:
    page = PAGES[docs.FOLDER / "rudderstack.md"]
    theirs, ours, rest = re.findall(r"```(?:yaml|json)\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "settings.yaml"
    file.write_text(theirs, encoding="utf-8")
    done = asked("import", "rudderstack", str(file))
    assert "".join(re.findall(r"^[^#].*\n", done.stdout, re.MULTILINE)) == ours
    file.write_text(done.stdout + rest, encoding="utf-8")
    loading.load(file, {"WEBHOOK_AUTHORIZATION": "Bearer abc"})


def test_every_setting_named_in_the_text_exists() -> None:
    names = {name for name, _ in loading.fields()}
    sections = {name.partition(".")[0] for name in names}
    named = {
        name for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", OURS) if name.partition(".")[0] in sections
    }
    assert named <= names | {f"{section}.client" for section in sections}
    assert len(named) > 40


@pytest.mark.parametrize("endpoint", ["16 servers", "429 beyond 20"])
def test_the_table_of_simulated_endpoints_is_what_the_simulator_says(endpoint: str) -> None:
    *_, row = links.table(links.SEEDS, [links.SCENARIOS[endpoint]]).splitlines()
    rows = PAGES[docs.FOLDER / "workers.md"].splitlines()
    assert row in rows, "put in what `python -m tests.unit.core.pace.links` prints"


def test_every_line_of_the_guarantees_names_tests_that_exist() -> None:
    page = docs.FOLDER / "guarantees.md"
    for text, least in ((PAGES[page], 20), (README, 10)):
        section = text.partition("## What is guaranteed")[2].partition("\n## ")[0]
        rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
        assert len(rows) >= least
        for row in rows:
            assert re.search(r"\]\((\.\./)?tests/[a-z_/]+\.py\)", row.split("|")[3]), row


def test_every_command_and_flag_is_mentioned() -> None:
    command = typer.main.get_command(app)
    commands = command.commands  # type: ignore[attr-defined]
    assert {"run", "check", "preview", "init", "import", "letters", "demo", "version"} == set(commands)
    for name, sub in commands.items():
        assert name == "version" or re.search(rf"\b{name}\b", EVERYTHING)
        for option in sub.params:
            assert name == "preview" or any(flag in EVERYTHING for flag in option.opts), option.opts


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


@pytest.mark.parametrize(
    ("target", "command"), [("test", "python -m tests"), ("demo", "webhook-processor demo")]
)
def test_make_knows_the_two_commands(target: str, command: str) -> None:
    plan = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert plan.returncode == 0
    assert command in plan.stdout


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
    assert (tmp_path / "target" / "processor" / "cli" / "commands.py").exists()
    assert (tmp_path / "target" / "bin" / "webhook-processor").exists()
    page = ROOT / "processor" / "admin" / "live"
    installed = tmp_path / "target" / "processor" / "admin" / "live"
    assert {file.name for file in installed.iterdir()} == {file.name for file in page.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the commands name."""
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


def test_the_runbook_says_for_each_kind_of_dead_letter_what_brings_it_back() -> None:
    text = (ROOT / "deploy" / "runbook.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE)
    assert {kind for kind, _ in rows} == {*CODES, FROM_CONNECT}
    for kind, command in rows:
        assert kind == "tombstone" or f"letters redeliver --code {kind}" in command
