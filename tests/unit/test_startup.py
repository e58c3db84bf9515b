"""What holds before the processor is loaded: a stop is a stop, closed descriptors are not reused."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from processor import __version__

pytestmark = pytest.mark.slow

PATIENCE = 60
HEAVY = {"aiohttp", "httptools", "prometheus_client", "rich", "structlog", "uvloop"}
"""What none but `run`, `demo` and `check --connect` have to wait for; rich also lays out the help."""
FORMATS = {
    "google.protobuf",
    "google.type",
    "grpc_tools",
    "minijinja",
    "processor.core.record.avro.decoder",
}
"""What none has to wait for whose records are not written in these formats, and who writes no template."""
NEEDED_BY_CHECK = {"asyncio", "confluent_kafka", "ssl"}
"""To judge options of librdkafka, which loads asyncio, and certificates."""
SETTINGS = """\
kafka: {bootstrap_servers: "127.0.0.1:9092", group_id: group, topics: [events]}
dead_letter: {topic: events.dlq}
destination: {url: "https://h.example/hook"}
"""

SLOW = "import time\nprint('loading', flush=True)\nwhile True: time.sleep(0.05)"
"""Its sleeps are short: a signal that comes just before a long one would be heard after it."""

COMMAND = (sys.executable, "-m", "processor")


@pytest.mark.parametrize(
    ("loading", "number"),
    [("typer", signal.SIGINT), ("structlog", signal.SIGTERM), ("confluent_kafka", signal.SIGINT)],
)
def test_a_stop_while_it_loads_ends_it_with_0(tmp_path: Path, loading: str, number: signal.Signals) -> None:
    (tmp_path / f"{loading}.py").write_text(SLOW, encoding="utf-8")
    environ = os.environ | {"PYTHONPATH": str(tmp_path)}
    process = subprocess.Popen([*COMMAND, "run"], stdout=subprocess.PIPE, env=environ)
    assert process.stdout
    with process.stdout as told:
        assert told.readline() == b"loading\n"
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0


@pytest.fixture
def heard() -> Iterator[None]:
    """SIGINT, which a shell's background jobs ignore, and what they start too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_other_commands_are_interrupted_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text(SLOW, encoding="utf-8")
    environ = os.environ | {"PYTHONPATH": str(tmp_path)}
    with subprocess.Popen([*COMMAND, "check"], stdout=-1, stderr=-1, env=environ) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == b"loading\n"
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 128 + signal.SIGINT
    assert b"Traceback" not in told


def with_limits(soft: int, hard: int) -> Callable[[], None]:
    """To be called in a child: so many files and sockets may it have open."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_as_many_files_and_sockets_may_be_open_as_the_machine_allows() -> None:
    asked = "from processor import startup; startup.prepare([]); print(startup.descriptor_limit())"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, preexec_fn=with_limits(300, 777)
    )
    assert done.stdout == b"777\n"


@pytest.mark.parametrize("command", ["check", "run"])
def test_settings_that_take_more_files_and_sockets_than_there_may_be_are_refused(
    tmp_path: Path, command: str
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(SETTINGS + "delivery: {max_in_flight: 900}\n", encoding="utf-8")
    done = subprocess.run(
        [*COMMAND, command, "-c", str(file)], capture_output=True, preexec_fn=with_limits(300, 1024)
    )
    assert done.returncode == 2
    assert done.stderr == (
        b"error delivery.max_in_flight: takes up to 1156 files and sockets, and this process may have 1024 "
        b"(raise its limit (`ulimit -n 1156`, LimitNOFILE= of systemd, --ulimit of Docker), or set "
        b"delivery.max_in_flight to 768 or less)\n"
    )


def test_settings_that_just_fit_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(SETTINGS + "delivery: {max_in_flight: 768}\n", encoding="utf-8")
    done = subprocess.run([*COMMAND, "check", "-c", str(file)], preexec_fn=with_limits(300, 1024))
    assert done.returncode == 0


def loaded_by(*arguments: str) -> set[str]:
    """The modules that a command loads; it has to succeed."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "processor", *arguments],
        input="{}",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


@pytest.mark.parametrize("arguments", [("version",), ("--help",), ("run", "--help")])
def test_what_needs_nothing_loads_nothing(arguments: tuple[str, ...]) -> None:
    loaded = loaded_by(*arguments)
    assert "typer" in loaded
    helps = {"rich"} if "--help" in arguments else set()
    assert not (HEAVY | FORMATS | NEEDED_BY_CHECK | {"yaml"}) - helps & loaded


def test_preview_loads_what_reads_settings_and_events_and_no_more(tmp_path: Path) -> None:
    loaded = loaded_by("preview", "-c", str(file_in(tmp_path)))
    assert {"yaml", "processor.traffic.preparation"} <= loaded
    assert not (HEAVY | FORMATS | NEEDED_BY_CHECK) & loaded


def test_check_loads_beside_that_who_judges_settings(tmp_path: Path) -> None:
    loaded = loaded_by("check", "-c", str(file_in(tmp_path)))
    assert loaded >= NEEDED_BY_CHECK
    assert not (HEAVY | FORMATS) & loaded


def test_avro_loads_its_decoder_and_nothing_of_protobuf(tmp_path: Path) -> None:
    (tmp_path / "schema").write_text('"string"', encoding="utf-8")
    file = file_in(tmp_path)
    with file.open("a", encoding="utf-8") as more:
        more.write(f"record: {{value: avro, schema_file: {tmp_path / 'schema'}}}\n")
    assert FORMATS & loaded_by("preview", "-c", str(file)) == {"processor.core.record.avro.decoder"}


def file_in(folder: Path) -> Path:
    file = folder / "settings.yaml"
    file.write_text(SETTINGS, encoding="utf-8")
    return file


def shell(redirections: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("WEBHOOK_PROCESSOR")}
    command = ("bash", "-c", f'set -o pipefail; "$@" {redirections}', "bash", *COMMAND, *arguments)
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, env=theirs | environ)


@pytest.mark.parametrize("closed", ["<&- 2>&-", "<&- >&- 2>&-"])
def test_a_command_works_without_what_it_does_not_need(closed: str) -> None:
    done = shell(closed, "version")
    assert done.returncode == 0
    assert done.stdout.decode() == ("" if ">&-" in closed.split() else f"{__version__}\n")
    assert done.stderr == b""


@pytest.mark.parametrize("nowhere", ["2>/dev/full", "2>&-", "2> >(exit 0)"])
def test_a_wrong_configuration_is_2_also_where_nobody_can_be_told(nowhere: str) -> None:
    assert shell(nowhere, "run").returncode == 2


def test_an_output_that_cannot_be_written_is_an_error_of_one_line() -> None:
    done = shell(">/dev/full", "check", "--schema")
    assert (done.returncode, done.stderr) == (1, b"error [Errno 28] No space left on device\n")


def test_who_reads_no_more_is_no_error_to_be_told() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*COMMAND, "check", "--schema"], stdout=writing, stderr=-1, timeout=PATIENCE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_number_that_is_none_of_a_worker_is_told_like_a_setting() -> None:
    done = shell("", "run", WEBHOOK_PROCESSOR_SUPERVISED_AS="x")
    assert done.returncode == 2
    assert done.stderr.startswith(b"error WEBHOOK_PROCESSOR_SUPERVISED_AS: is for the workers")
