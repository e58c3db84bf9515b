"""The command as people type it: what it prints, where, and its exit status."""

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import trustme
import yaml

from processor import __version__
from processor.cli import commands
from processor.kafka.checks import check, rights
from processor.kafka.embedded import EmbeddedBroker
from tests.support.endpoint import HOST, Endpoint, Reply, unused_port
from tests.support.patience import PATIENCE
from tests.support.registry import FakeRegistry
from tests.unit.cli.typing import COMMAND, asked, typed

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[2]
CASES: list[dict[str, Any]] = json.loads((TESTS / "vectors" / "requests.json").read_text())
BASE: dict[str, Any] = {
    "kafka": {"bootstrap_servers": "localhost:9092", "group_id": "g", "topics": ["events"]},
    "dead_letter": {"topic": "events.dlq"},
}
CONFIGURED = sorted({json.dumps(case["config"], sort_keys=True) for case in CASES})


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
    done = asked("preview", "-c", str(file), text="\n".join(json.dumps(case["event"]) for case in cases))
    assert done.returncode == 0, done.stderr
    assert [shown(line) for line in done.stdout.splitlines()] == [case["expect"] for case in cases]


def test_preview_reads_a_file_and_answers_line_by_line(settings: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(b'\xef\xbb\xbf{"n":1}\n\n {"e":"\\ud83d"} \r\nnul\nnot json\n\xff\n[1]\n')
    done = asked("preview", "-c", str(settings), str(events))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["body"] == '{"n":1}'
    assert lines[1]["body"] == ' {"e":"\\ud83d"} '
    assert [line["error"]["code"] for line in lines[2:-1]] == ["invalid_event"] * 3
    assert lines[-1]["body"] == "[1]"


@pytest.mark.parametrize(
    ("rule", "skipped"), [("named", [1]), ("all", [1, 2, 3]), (False, []), ("off", []), ("false", [])]
)
def test_preview_says_which_events_would_be_skipped_and_why(
    tmp_path: Path, rule: str | bool, skipped: list[int]
) -> None:
    said: list[Any] = [
        {"All": True},
        {"Webhook": False},
        {"All": False},
        None,
        {"All": False, "Webhook": True},
    ]
    file = written(tmp_path, {"url": "http://h.example"}, filter={"integrations": rule})
    text = "".join(json.dumps({"integrations": each}) + "\n" for each in said)
    lines = asked("preview", "-c", str(file), text=text).stdout.splitlines()
    assert [n for n, line in enumerate(lines) if json.loads(line) == {"skipped": "integrations"}] == skipped
    assert [n for n, line in enumerate(lines) if "body" in json.loads(line)] == sorted(
        {*range(5)} - {*skipped}
    )


def test_preview_shows_events_without_an_envelope_as_they_are(tmp_path: Path) -> None:
    file = written(tmp_path, {"url": "http://h.example/in", "envelope": "none"})
    text = '{"header":{"a b":1},"fullPath":"/x","n":null}'
    shown = json.loads(asked("preview", "-c", str(file), text=text).stdout)
    assert (shown["url"], shown["body"]) == ("http://h.example/in", text)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_admin_port_that_cannot_be_had_is_told_before_anything_is_read(
    tmp_path: Path, workers: str
) -> None:
    said = {"host": "192.0.2.1", "port": 0}
    file = written(tmp_path, {"url": "http://h.example"}, admin=said)
    done = typed("run", "-c", str(file), "--workers", workers)
    assert done.returncode == 2
    assert "error admin.host: cannot listen on 192.0.2.1:0: " in done.stderr
    assert "started" not in done.stderr


@pytest.mark.parametrize("command", ["run", "check", "preview"])
def test_a_bad_configuration_is_told_whole_and_ends_with_2(tmp_path: Path, command: str) -> None:
    file = written(tmp_path, {"url": "ftp://h.example", "metod": "GET"}, delivery={"max_in_flight": 0})
    done = (typed if command == "run" else asked)(command, "-c", str(file))
    assert done.returncode == 2
    assert done.stdout == ""
    for path in ("destination.url", "destination.metod", "delivery.max_in_flight"):
        assert f"error {path}: " in done.stderr
    assert "did you mean destination.method?" in done.stderr


@pytest.mark.parametrize("workers", ["0", "-1", "two", "1.5", "", "AUTO ", "257", "9" * 5000])
def test_a_number_of_workers_that_is_none_is_refused(settings: Path, workers: str) -> None:
    by_option = asked("run", "-c", str(settings), "--workers", workers)
    assert (by_option.returncode, "a number from 1 to 256, or auto" in by_option.stderr) == (2, True)


def test_a_number_of_workers_in_the_environment_is_judged_alike(settings: Path) -> None:
    done = asked("run", "-c", str(settings), WEBHOOK_PROCESSOR_WORKERS="0")
    assert (done.returncode, "a number from 1 to 256, or auto" in done.stderr) == (2, True)


def test_auto_is_a_worker_for_each_core_that_may_be_used() -> None:
    usable = os.sched_getaffinity(0)
    assert commands._count("auto") == len(usable)
    os.sched_setaffinity(0, {min(usable)})
    try:
        assert commands._count("auto") == 1
    finally:
        os.sched_setaffinity(0, usable)


def test_a_bad_configuration_starts_no_worker(tmp_path: Path) -> None:
    file = written(
        tmp_path, {"url": "http://h.example"}, kafka=BASE["kafka"] | {"client": {"no.such.option": 1}}
    )
    done = typed("run", "-c", str(file), "--workers", "2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("no.such.option") == 1
    assert "worker" not in done.stderr


def test_check_says_that_nothing_is_wrong(settings: Path) -> None:
    done = asked("check", "-c", str(settings))
    assert (done.returncode, done.stdout) == (0, "ok    the configuration can be used\n")


def test_check_warns_of_a_pattern_that_matches_the_dead_letter_topic(tmp_path: Path) -> None:
    kafka = {**BASE["kafka"], "topics": ["^events.*"]}
    done = asked("check", "-c", str(written(tmp_path, {"url": "https://h.example"}, kafka=kafka)))
    assert done.returncode == 0
    assert "warn  kafka.topics: ^events.* matches the dead-letter topic events.dlq" in done.stderr


@pytest.mark.parametrize(("gets", "told"), [(False, "without secret"), (True, "with secret")])
def test_check_says_what_an_allowed_host_means(tmp_path: Path, told: str, *, gets: bool) -> None:
    destination = {
        "url": "https://h.example:8443/x",
        "allowed_hosts": ["b.example", "a.example:444", "http://c.example"],
        "allowed_hosts_get_secrets": gets,
    }
    done = asked("check", "-c", str(written(tmp_path, destination)))
    hosts = "http://c.example, https://a.example:444, https://b.example:8443"
    assert f"ok    destination.allowed_hosts: events may also name {hosts}, which" in done.stdout
    assert told in done.stdout


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_dead_letter_topic_that_is_read_too_is_refused(tmp_path: Path, command: str) -> None:
    letters = {"topic": "events"}
    done = asked(command, "-c", str(written(tmp_path, {"url": "https://h.example"}, dead_letter=letters)))
    assert (done.returncode, done.stdout) == (2, "")
    assert "every dead letter would be read again" in done.stderr


def test_check_prints_a_schema_that_names_every_section() -> None:
    done = asked("check", "--schema")
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


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedBroker]:
    """A broker with both topics; what it does not answer, rights among it, is not waited for long."""
    monkeypatch.setattr(rights, "ANSWER_SECONDS", 3.0)
    with EmbeddedBroker() as running:
        for topic in ("events", "events.dlq"):
            running.create_topic(topic)
        yield running


def at(broker: EmbeddedBroker, folder: Path, url: str, **sections: Any) -> Path:
    """A file with settings for the broker and this endpoint."""
    kafka = BASE["kafka"] | {"bootstrap_servers": broker.bootstrap_servers}
    return written(
        folder, sections.pop("destination", {"url": url}), kafka=kafka | sections.pop("kafka", {}), **sections
    )


def test_check_connect_ends_with_1_where_the_endpoint_cannot_be_reached_now(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    nobody = f"http://127.0.0.1:{unused_port()}"
    done = asked("check", "--connect", "-c", str(at(broker, tmp_path, nobody)))
    behind = {"url": "https://h.example", "proxy": {"url": nobody}}
    file = at(broker, tmp_path, nobody, destination=behind)
    proxied = asked("check", "--connect", "-c", str(file))
    assert (done.returncode, proxied.returncode) == (1, 1)
    assert "away  endpoint http://127.0.0.1" in done.stderr
    assert "away  endpoint https://h.example: proxy: the proxy: no connection" in proxied.stderr


def test_check_connect_reports_topics_that_are_missing(broker: EmbeddedBroker, tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as endpoint:
        url = f"http://{HOST}:{endpoint.getsockname()[1]}"
        file = at(
            broker, tmp_path, url, kafka={"topics": ["events", "absent"]}, dead_letter={"topic": "nowhere"}
        )
        done = asked("check", "--connect", "-c", str(file))
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "error topic absent",
        "error dead-letter topic nowhere",
    ]
    assert "ok    topic events: 1 partitions" in done.stdout
    assert f"ok    endpoint {url}: TCP to" in done.stdout


def test_check_connect_reports_the_endpoint_also_where_the_brokers_are_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "ANSWER_SECONDS", 1.0)
    with socket.create_server((HOST, 0)) as endpoint:
        file = written(
            tmp_path,
            {"url": f"http://{HOST}:{endpoint.getsockname()[1]}"},
            kafka=BASE["kafka"] | {"bootstrap_servers": f"{HOST}:{unused_port()}"},
        )
        done = asked("check", "--connect", "-c", str(file))
    assert done.returncode == 1
    assert f"away  brokers {HOST}" in done.stderr
    assert "ok    endpoint http://" in done.stdout


def test_what_is_wrong_weighs_more_than_what_cannot_be_reached(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    file = at(broker, tmp_path, f"http://{HOST}:{unused_port()}", dead_letter={"topic": "nowhere"})
    done = asked("check", "--connect", "-c", str(file))
    assert done.returncode == 2
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["error", "away"]


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (None, 0, "ok    schema registry: http"),
        (Reply(403), 0, "does not let us list subjects"),
        (Reply(401), 2, "error schema registry: the schema registry at 127.0.0.1"),
        (Reply(200, body=b"<html>"), 2, "HTML"),
        (Reply(503), 1, "away  schema registry"),
    ],
)
async def test_check_connect_asks_the_schema_registry_and_names_what_it_answered(
    broker: EmbeddedBroker, tmp_path: Path, fault: Reply | None, status: int, words: str
) -> None:
    async with Endpoint() as endpoint, FakeRegistry() as registry:
        registry.fault = fault
        framed = {"record": {"value": "registry"}, "schema_registry": {"url": registry.url}}
        file = at(broker, tmp_path, endpoint.url, **framed)
        done = await asyncio.to_thread(asked, "check", "--connect", "-c", str(file))
    assert (done.returncode, words in done.stdout + done.stderr) == (status, True)


@pytest.mark.parametrize("trusted", [True, False])
async def test_check_connect_verifies_the_certificate(
    broker: EmbeddedBroker, tmp_path: Path, *, trusted: bool
) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    (authority if trusted else stranger).issue_cert(HOST).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with Endpoint(tls=context) as endpoint:
        destination = {"url": endpoint.url, "tls": {"ca_file": str(tmp_path / "ca.pem")}}
        file = at(broker, tmp_path, endpoint.url, destination=destination)
        done = await asyncio.to_thread(asked, "check", "--connect", "-c", str(file))
    assert endpoint.requests == []
    if trusted:
        assert done.returncode == 0, done.stderr
        assert "TLS 1.3" in done.stdout
    else:
        assert done.returncode == 2
        assert f"error endpoint {endpoint.url}: certificate: " in done.stderr


@pytest.mark.parametrize("connect", [False, True])
def test_check_reports_tls_files_that_cannot_be_used(
    broker: EmbeddedBroker, tmp_path: Path, *, connect: bool
) -> None:
    destination = {"url": "https://127.0.0.1:1", "tls": {"ca_file": __file__}}
    file = at(broker, tmp_path, "", destination=destination)
    done = asked("check", *(["--connect"] if connect else []), "-c", str(file))
    assert done.returncode == 2
    assert "error destination.tls.ca_file: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"delivery": {"order": "random"}}, "delivery.order"),
        ({"kafka": {"client": {"no.such.option": 1}}}, "no.such.option"),
    ],
)
def test_run_connects_to_nothing_where_the_configuration_is_wrong(
    tmp_path: Path, sections: dict[str, dict[str, Any]], told: str
) -> None:
    with socket.create_server((HOST, 0)) as anyone:
        address = f"{HOST}:{anyone.getsockname()[1]}"
        kafka = BASE["kafka"] | {"bootstrap_servers": address} | sections.get("kafka", {})
        file = written(tmp_path, {"url": f"http://{address}"}, **sections | {"kafka": kafka})
        done = typed("run", "-c", str(file))
        anyone.setblocking(False)
        with pytest.raises(BlockingIOError):
            anyone.accept()
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_preview_connects_to_nothing(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as endpoint:
        url = f"http://{HOST}:{endpoint.getsockname()[1]}/hook"
        done = asked("preview", "-c", str(written(tmp_path, {"url": url})), text="{}\n")
        endpoint.setblocking(False)
        with pytest.raises(BlockingIOError):
            endpoint.accept()
    assert json.loads(done.stdout)["url"] == url


def test_preview_reads_standard_input_by_a_dash_as_without_one(settings: Path) -> None:
    dashed, plain = (asked("preview", "-c", str(settings), *given, text='{"a":1}') for given in (["-"], []))
    assert dashed.stdout == plain.stdout
    assert plain.stdout.count("\n") == 1


def test_preview_shows_a_request_whole_and_its_body_byte_for_byte(settings: Path) -> None:
    event = '{"n": 12345678901234567890.0, "é": "\\u00e9",  "appendPath": "/x?y=ü#z"}'
    done = typed("preview", "-c", str(settings), text=event, LC_ALL="C")
    assert json.loads(done.stdout) == {
        "method": "POST",
        "url": "https://h.example/base/x?y=%C3%BC",
        "headers": {"User-Agent": "RudderLabs", "Content-Type": "application/json"},
        "body": '{"n":12345678901234567890.0,"é":"\\u00e9"}',
    }


def test_preview_goes_on_after_every_line_that_is_wrong(settings: Path) -> None:
    wrong = [b"{", b"05", b"NaN", b"'x'", b"[" * 3000, b'{"a":"\xff"}', b'{"header":{"X":"\\ud800"}}']
    done = asked("preview", "-c", str(settings), text=b"\r\n".join([*wrong, b"  ", b"{}"]))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    codes = [line.get("error", {}).get("code") for line in lines[:-1]]
    assert codes == ["invalid_event"] * 6 + [None]
    assert all(set(line["error"]) == {"code", "message"} for line in lines[:6])
    assert lines[6]["headers"]["X"] == "\ufffd"
    assert lines[-1]["body"] == "{}"


def test_preview_of_a_file_that_is_not_there_ends_with_2(settings: Path) -> None:
    done = asked("preview", "-c", str(settings), "/no/such/file")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such file" in done.stderr


def test_preview_of_what_never_ends_ends_with_2(settings: Path) -> None:
    done = asked("preview", "-c", str(settings), "/dev/zero")
    assert (done.returncode, "bytes is no event" in done.stderr) == (2, True)


def test_settings_come_from_a_file_named_by_a_variable_or_from_variables_alone(settings: Path) -> None:
    named = asked("preview", text="{}", WEBHOOK_PROCESSOR_CONFIG=str(settings))
    alone = asked(
        "preview",
        text="{}",
        WEBHOOK_PROCESSOR__KAFKA__BOOTSTRAP_SERVERS="localhost:9092",
        WEBHOOK_PROCESSOR__KAFKA__GROUP_ID="g",
        WEBHOOK_PROCESSOR__KAFKA__TOPICS="events",
        WEBHOOK_PROCESSOR__DEAD_LETTER__TOPIC="events.dlq",
        WEBHOOK_PROCESSOR__DESTINATION__URL="https://h.example/base",
    )
    assert named.stdout == alone.stdout != ""


def test_what_is_wrong_is_told_without_the_secrets(tmp_path: Path) -> None:
    destination = {"url": "ftp://h.example", "headers": {"Authorization": "hunter2\n", "X Y": "hunter2"}}
    kafka = BASE["kafka"] | {"client": {"ssl.key.pem": "hunter2"}, "security_protocol": "ssl"}
    first = asked("check", "-c", str(written(tmp_path, destination, kafka=kafka)))
    second = asked("check", "-c", str(written(tmp_path, {"url": "http://h.example"}, kafka=kafka)))
    assert (first.returncode, second.returncode) == (2, 2)
    assert "ssl.key.pem" in second.stderr
    assert "hunter2" not in first.stderr + second.stderr


def test_everything_wrong_is_told_at_once_whoever_finds_it(tmp_path: Path) -> None:
    destination = {"url": "https://h.example", "tls": {"ca_file": __file__}}
    kafka = BASE["kafka"] | {"client": {"no.such.option": 1}}
    done = asked("check", "-c", str(written(tmp_path, destination, kafka=kafka)))
    assert done.returncode == 2
    assert [word for word in ("no.such.option", "destination.tls.ca_file") if word not in done.stderr] == []


def test_without_a_command_it_tells_what_there_is_and_ends_with_2() -> None:
    done = asked(NO_COLOR="1")
    assert done.returncode == 2
    assert "Usage" in done.stdout + done.stderr


def test_the_package_is_the_command_as_well() -> None:
    done = subprocess.run([sys.executable, "-m", "processor", "version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, __version__ + "\n")


def test_version_is_printed() -> None:
    assert asked("version").stdout == __version__ + "\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("run", "check", "preview", "init", "demo", "version")),
        (("run", "--help"), ("--config", "0 stopped as asked")),
        (("check", "--help"), ("--connect", "--schema")),
        (("preview", "--help"), ("EVENTS", "nothing is sent")),
        (("init", "--help"), ("--topic", "--force", "Exit status")),
        (
            ("letters", "redeliver", "--help"),
            ("letter again, beyond the end of this run. Ended before its end",),
        ),
        (("demo", "--help"), ("--keep",)),
        (("version", "--help"), ("version",)),
    ],
)
def test_help_tells_a_newcomer_what_there_is(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    done = asked(*arguments, COLUMNS="120", NO_COLOR="1")
    assert not arguments or done.returncode == 0
    assert not [word for word in words if word not in done.stdout + done.stderr]


def test_a_shell_completes_commands_and_options_by_the_script_that_is_printed() -> None:
    asked_for = f'set -e; script=$({COMMAND} --show-completion); printf %s "$script"; true'
    script = subprocess.run(["bash", "-c", asked_for], capture_output=True, text=True, timeout=PATIENCE)
    assert script.returncode == 0, script.stderr
    assert "complete -o default -F _webhook_processor_completion webhook-processor" in script.stdout
    words = "COMP_WORDS=(webhook-processor check --c) COMP_CWORD=2; COMPREPLY=()"
    completed = f'{words}; _webhook_processor_completion {COMMAND}; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "-c", f"{script.stdout}\n{completed}"], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout.split() == ["--config", "--connect"], done.stderr


def test_completion_is_installed_for_whose_shell_it_is(tmp_path: Path) -> None:
    asked_for = f"{COMMAND} --install-completion; exit $?"
    done = subprocess.run(
        ["bash", "-c", asked_for],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "webhook-processor" in (tmp_path / ".bashrc").read_text(encoding="utf-8")
