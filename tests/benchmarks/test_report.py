"""Tables have medians and ratios of the same round; what is written is read again."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import scenario
from tests.benchmarks.judge import Verdict
from tests.benchmarks.kills import Kill
from tests.benchmarks.measure import Run
from tests.benchmarks.profile import summary
from tests.benchmarks.report import Report
from tests.benchmarks.table import ratio

OURS = Run("S1", "webhook-processor", 20.0, 50_000.0, 100.0, Verdict(0, 0, 0), 64, 0)
LATENCIES = {
    f"{kind}_p{share}": 1.5 for kind in ("request", "request_after_ack", "end_to_end") for share in (50, 99)
}


def rounds(like: Run, *cpu_us: float) -> list[Run]:
    """One run a round."""
    return [replace(like, cpu_us=each, round=number) for number, each in enumerate(cpu_us)]


def report() -> Report:
    """With two contenders, one of which was killed."""
    theirs = replace(OURS, contender="peer", verdict=Verdict(1, 2, 3), peak_mib=1_234.0)
    idle = replace(OURS, scenario="S5", latency_ms=LATENCIES)
    runs = [*rounds(OURS, 10, 20, 90), *rounds(theirs, 20, 60, 90), idle]
    return Report("a machine", {"peer": "peer 1.0"}, 200_000, runs, [Kill("peer", Verdict(0, 7, 1), 45.2)])


def test_a_line_has_medians_the_ratio_and_the_sum_of_broken_promises() -> None:
    assert "| peer | 60.0 | 2.00 | 50,000 | 1234 | 3 | 6 | 9 |" in report().markdown()
    assert "| webhook-processor | 20.0 | 1.00 | 50,000 | 100 | 0 | 0 | 0 |" in report().markdown()


def test_a_ratio_is_taken_within_a_round_and_rounds_without_ours_are_left_out() -> None:
    assert ratio(rounds(OURS, 10, 100), [replace(OURS, cpu_us=50.0, round=1)]) == 2
    assert ratio(rounds(OURS, 10), []) is None


def test_latencies_and_kills_have_tables_of_their_own() -> None:
    text = report().markdown()
    assert "| S5 | webhook-processor | 1.50 / 1.50 ms | 1.50 / 1.50 ms | 1.50 / 1.50 ms |" in text
    assert "| peer | 0 | 7 | 1 | 45 s |" in text


def test_machine_versions_and_rounds_are_told() -> None:
    assert "Medians of 3 rounds, 200,000 events. a machine. peer: peer 1.0." in report().markdown()


def test_a_report_is_read_as_it_was_written_and_several_become_one(tmp_path: Path) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    report().write(one)
    replace(report(), runs=[OURS], stuck=["peer"], versions={"x": "y"}).write(other)
    assert Report.read(one) == report()
    both = Report.read(one, other)
    assert len(both.runs) == len(report().runs) + 1
    assert len(both.kills) == 2
    assert (both.stuck, both.versions) == (["peer"], {"peer": "peer 1.0", "x": "y"})


def test_the_page_gets_the_tables_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("before\n<!-- performance -->\nold\n<!-- /performance -->\nafter\n")
    report().write_into(page)
    text = page.read_text()
    assert report().markdown() in text
    assert "old" not in text
    assert text.startswith("before\n<!-- performance -->\n")
    assert text.endswith("\n<!-- /performance -->\nafter\n")
    page.write_text("no marks")
    with pytest.raises(LookupError):
        report().write_into(page)


def test_scenarios_are_chosen_by_name_and_scaled_together() -> None:
    assert [each.name for each in scenario.chosen(["S1", "S8"])] == [
        "S1",
        "S8-10",
        "S8-100",
        "S8-1000",
        "S8-1M",
    ]
    assert scenario.chosen([]) == list(scenario.ALL)
    assert [each.shape.events for each in scenario.chosen(["S1", "S8-1M"], 2_000)] == [2_000, 10_000]
    assert scenario.chosen(["kill"], beside=("kill",)) == []
    with pytest.raises(LookupError, match="no scenario S99"):
        scenario.chosen(["S99"])


def test_a_profile_says_what_a_function_costs_alone_and_with_what_it_calls() -> None:
    alone, with_all = summary("a;b;b 3\na;c 1\n").split("with all it calls")
    assert " 75.0%  b" in alone
    assert " 25.0%  c" in alone
    assert "100.0%  a" in with_all
    assert " 75.0%  b" in with_all
