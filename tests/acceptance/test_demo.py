"""The demo as the command that people type, and the comparison that its last word rests on."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from random import Random
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from processor.demo.endpoint import (
    Account,
    Facts,
    Sample,
    Visit,
    altered,
    discrepancies,
    disordered,
    read,
    samples,
)
from processor.demo.screen import Screen
from tests.support.patience import PATIENCE
from tests.support.terminal import open_terminal

ENVIRON = {n: v for n, v in os.environ.items() if n not in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES")}
SUM = re.compile(r"(\d+) produced = (\d+) delivered \+ (\d+) dead letters \+ (\d+) skipped")

FACTS = Facts(
    produced=10,
    keys=3,
    expected=Account(6, {"refused 400": 2, "invalid_event": 1}, 1, 4),
    found=Account(6, {"refused 400": 2, "invalid_event": 1}, 1, 4),
    reported=Account(6, {"refused": 2, "invalid_event": 1}, 1, 4),
    repeated=0,
    altered=[],
    disordered=[],
    ends={0: 4, 1: 6},
    committed={0: 4, 1: 6},
    statuses={"/metrics": 200, "/livez": 200, "/readyz": 200},
)


@contextmanager
def running(*command: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """The command, killed at the end if it has not ended by itself."""
    with subprocess.Popen([sys.executable, *command], env=ENVIRON, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def summed(output: str) -> list[int]:
    """The numbers of the sum in the summary."""
    found = SUM.search(output)
    assert found, output
    return [int(number) for number in found.groups()]


def test_the_demo_adds_up() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "processor", "demo"],
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    produced, delivered, dead, skipped = summed(ended.stdout)
    assert produced == delivered + dead + skipped
    assert produced == 800
    assert dead > 2
    assert skipped == 1
    assert re.search(r"^committed +800 +of 800", ended.stdout, re.MULTILINE)
    assert re.search(
        rf"^dead letters +{dead} +read back: {dead - 2} refused 400, ", ended.stdout, re.MULTILINE
    )
    assert re.search(rf"^came back +{dead - 2} ", ended.stdout, re.MULTILINE)
    assert re.search(r"^retried +[1-9]", ended.stdout, re.MULTILINE)
    assert "\x1b" not in ended.stdout


def test_it_stays_if_asked_to_and_ends_with_ctrl_c() -> None:
    command = ("-m", "processor", "demo", "--keep")
    with running(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        (address,) = re.findall(r"(http://\S+)/metrics$", said, re.MULTILINE)[:1]
        (broker,) = re.findall(r"^Kafka: (\S+),", said, re.MULTILINE)
        assert {"events", "events.dlq"} <= AdminClient({"bootstrap.servers": broker}).list_topics(
            timeout=PATIENCE
        ).topics.keys()
        before = read(page(f"{address}/metrics"))["deliveries_total"].total()
        assert before >= summed(said)[0]  # by now it may trickle
        trickled = (line.split(" s  ")[1] for line in process.stdout if " produced, " in line)
        assert next(line for line in trickled if int(line.split()[0]) > before)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")


def page(url: str) -> str:
    """What stands there."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as response:
        text: bytes = response.read()
    return text.decode()


def test_on_a_terminal_a_table_lives() -> None:
    ours, its = open_terminal()
    with running("-m", "processor", "demo", stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        shown = b""
        while not all(title in shown for title in (b" identify ", b" page ", b" track Product Purchased ")):
            shown += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        shown += drained(ours)
        assert process.wait(PATIENCE) == 130
    os.close(ours)
    assert b"at the first attempt" in shown
    assert shown.rstrip().endswith(b"\x1b[?25h"), "the cursor is back"
    assert b"Traceback" not in shown


def drained(terminal: int) -> bytes:
    """All that comes until nobody writes any more."""
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            return shown


def test_it_ends_with_1_if_something_does_not_add_up() -> None:
    program = """if True:
        import sys
        from processor.demo import show
        show.TICKS = 3
        show.Endpoint._judge = lambda *_: (200, {})  # takes also what it should refuse
        sys.exit(show.demo(keep=True))
    """
    with running("-c", program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, said
    assert re.search(r"^does not add up: dead letters: .*refused 400.* expected", said, re.MULTILINE)
    assert "Everything adds up" not in said


def test_facts_that_add_up_have_no_discrepancies() -> None:
    assert discrepancies(FACTS) == []


@pytest.mark.parametrize("account", ["expected", "found", "reported"])
@pytest.mark.parametrize(
    "change",
    [{"delivered": 5}, {"dead_letters": {"refused 400": 3}}, {"skipped": 0}, {"retried": 3}],
    ids=lambda change: next(iter(change)),
)
def test_accounts_that_differ_are_named(account: str, change: dict[str, Any]) -> None:
    changed = getattr(FACTS, account)._replace(**change)
    name = next(iter(change)).replace("_", " ")
    assert any(name in sentence for sentence in discrepancies(FACTS._replace(**{account: changed})))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"produced": 11, "ends": {0: 5, 1: 6}, "committed": {0: 5, 1: 6}}, "11 were produced, of 10"),
        ({"ends": {0: 4, 1: 7}, "committed": {0: 4, 1: 7}}, "the topic holds 11 records"),
        ({"repeated": 1}, "1 were delivered more than once"),
        ({"altered": ["demo-7"]}, "not as the event asked: demo-7"),
        ({"disordered": ["user-7"]}, "out of order: user-7"),
        ({"committed": {0: 4, 1: 5}}, "committed {0: 4, 1: 5}"),
        ({"statuses": {"/readyz": 503}}, "/readyz answers 503"),
        (
            {"refused": ["a", "b"], "came_back": ["a", "a"]},
            "2 dead letters were sent again, 2 were delivered",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_each_fact_alone_is_a_discrepancy(change: dict[str, Any], sentence: str) -> None:
    (found,) = discrepancies(FACTS._replace(**change))
    assert found.startswith(sentence)


def test_what_does_not_add_up_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().conclude(FACTS, ["one is missing"], "http://127.0.0.1:1", "127.0.0.1:2", keep=False)
    said = capsys.readouterr().out
    assert "does not add up: one is missing" in said
    assert "Everything adds up" not in said


def test_the_events_of_the_documentation_come_first_and_everything_unusual_comes() -> None:
    first = list(islice(samples(Random(1)), 800))
    assert [sample.event["type"] for sample in first[:3]] == ["identify", "page", "track"]
    assert first[2].event["event"] == "Product Purchased"
    assert {sample.event.get("type") for sample in first} >= {
        "identify",
        "page",
        "track",
        "screen",
        "group",
        "alias",
    }
    assert {sample.outcome for sample in first} == {
        "delivered",
        "refused 400",
        "endpoint_not_allowed",
        "invalid_event",
        "tombstone",
    }
    delivered = [sample.event for sample in first if sample.outcome == "delivered"]
    assert any("header" in event for event in delivered)
    assert any("appendPath" in event for event in delivered)
    assert len({sample.id for sample in first}) == 800


def sample(name: str, key: str = "k", outcome: str = "delivered", **event: object) -> Sample:
    return Sample(name, key, name.encode(), {"messageId": name, "userId": key, **event}, outcome)


def visit(name: str, key: str = "k", **changes: Any) -> Visit:
    asked = Visit({"messageId": name, "userId": key}, "/hook", None, 1, 200, alone=True)
    return asked._replace(**changes)


@pytest.mark.parametrize(
    ("visits", "keys"),
    [
        ([visit("a"), visit("b")], []),
        ([visit("a"), visit("a"), visit("b")], []),
        ([visit("b"), visit("a")], ["k"]),
        ([visit("a"), visit("b"), visit("a")], ["k"]),
        ([visit("a"), visit("b", alone=False)], ["k"]),
        ([visit("a")], ["k"]),
        ([visit("a"), visit("b"), visit("c", "other")], ["other"]),
    ],
    ids=["in order", "retried in place", "swapped", "overtaken while retried", "at once", "never", "unknown"],
)
def test_order_is_judged_by_key(visits: list[Visit], keys: list[str]) -> None:
    sent = [sample("a"), sample("x", outcome="tombstone"), sample("b")]
    assert disordered(sent, visits) == keys


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({}, []),
        ({"event": {"messageId": "a", "userId": "k"}}, ["a"]),
        ({"path": "/hook"}, ["a"]),
        ({"tenant": None}, ["a"]),
    ],
    ids=["as asked", "body", "path", "header"],
)
def test_a_request_other_than_asked_is_found(change: dict[str, Any], names: list[str]) -> None:
    asked = sample("a", n=90071992547409931, appendPath="/eu", header={"X-Tenant": "b"})
    body = {"messageId": "a", "userId": "k", "n": 90071992547409931}
    made = Visit(body, "/hook/eu", "b", 1, 200, alone=True)
    assert altered([asked], [made._replace(**change)], [asked.value]) == names


def test_a_dead_letter_of_nothing_that_was_sent_is_found() -> None:
    assert altered([sample("a")], [], [b"b"]) == ["dead letter b'b'"]
