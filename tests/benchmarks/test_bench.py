"""The benchmark itself, with a small backlog: our processor between the real broker and the receiver."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import fed
from tests.benchmarks.contender import Contender, Job, Ours
from tests.benchmarks.measure import Bench, StuckError
from tests.benchmarks.scenario import Scenario, chosen
from tests.support.apache_kafka import until

EVENTS = 2_000

pytestmark = pytest.mark.kafka


class Program(Contender):
    """A contender that is a line of Python."""

    name = "program"

    def __init__(self, line: str) -> None:
        self._line = line

    def version(self) -> str:
        """Nobody's."""
        return "0"

    def command(self, job: Job, folder: Path) -> list[str]:
        """Run the line."""
        return [sys.executable, "-c", self._line]


def scenario(name: str, events: int = EVENTS) -> Scenario:
    """The benchmark's, with fewer events."""
    (found,) = chosen([name], events)
    return found


def test_our_processor_delivers_a_backlog_and_is_measured(bench: Bench) -> None:
    run = bench.run(scenario("S1"), Ours())
    assert run.verdict == (0, 0, 0)
    assert 5 < run.cpu_us < 5_000
    assert run.events_per_second > 10
    assert 20 < run.peak_mib < 500
    assert 0 < run.connections <= 64


def test_events_that_are_refused_or_were_busy_are_settled_too(bench: Bench) -> None:
    assert bench.run(scenario("S4"), Ours()).verdict[:2] == (0, 0)


@pytest.mark.parametrize("name", ["S12", "S13"])
def test_what_templates_and_filters_make_of_a_backlog_is_measured_by_the_record(
    bench: Bench, name: str
) -> None:
    run = bench.run(scenario(name), Ours())
    assert run.verdict == (0, 0, 0)
    assert 1 < run.cpu_us < 5_000


def test_signed_requests_are_measured_beside_those_that_are_not(bench: Bench) -> None:
    run = bench.run(scenario("S14"), Ours())
    assert run.verdict == (0, 0, 0)
    assert 5 < run.cpu_us < 5_000


@pytest.mark.parametrize("name", ["S10", "S11"])
def test_a_backlog_in_another_format_is_decoded_and_delivered(bench: Bench, name: str) -> None:
    run = bench.run(scenario(name), Ours())
    assert run.verdict == (0, 0, 0)
    assert 5 < run.cpu_us < 5_000


def test_an_event_that_is_fed_has_a_latency(bench: Bench) -> None:
    short = replace(scenario("S5"), rate=100.0)
    run = fed.run(bench, replace(short, shape=replace(short.shape, events=40)), Ours())
    assert run.verdict == (0, 0, 0)
    assert 0 < run.latency_ms["request_p50"] <= run.latency_ms["request_p99"] < 60_000
    assert run.latency_ms["request_after_ack_p50"] < run.latency_ms["request_p50"]
    assert run.latency_ms["request_p50"] < run.latency_ms["end_to_end_p50"]


def test_a_contender_that_ends_is_said_with_the_last_that_it_printed(bench: Bench) -> None:
    with pytest.raises(StuckError, match=r"ended, 0 of 1 events settled:\nno luck"):
        bench.run(scenario("S1", 10), Program("print('no luck')"))


def test_the_time_of_children_counts_and_none_outlives_the_contender(bench: Bench) -> None:
    work = "while time.process_time() < 0.3: pass"
    burn = f"import os, time\n{work}\nprint('burnt', os.getpid(), flush=True)\ntime.sleep(600)"
    parent = f"import subprocess as s, sys; s.run([sys.executable, '-c', {burn!r}])"
    with bench.scene(scenario("S1", 10), Program(parent), "none") as scene:
        (running,) = scene.running
        while not (burnt := re.search(r"burnt (\d+)\n", running.log_tail())):
            assert not running.has_ended()
        assert running.cpu_ns() > 300e6
        assert running.peak_bytes() > 2**20
        scene.kill()
        assert running.has_ended()
        until(lambda: not _is_alive(int(burnt[1])), "the end of the child")


def _is_alive(pid: int) -> bool:
    """Whether it runs; one that nobody has waited for is dead all the same."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
