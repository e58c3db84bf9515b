"""The alerts fire when they should, only then, and say what is true; each of them is tried both ways.

Faults are planted in the rules to see that the scenes find them.
"""

# ruff: noqa: E501 (tables, an entry a line)

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.deploy import scene, scenes
from tests.packaging.deploy.scene import ALERTS, PREFIX

WORDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("words.yaml").read_text(encoding="utf-8"))
TEXT = ALERTS.read_text(encoding="utf-8")
RULES: list[dict[str, Any]] = yaml.safe_load(TEXT)["groups"][0]["rules"]
FIRING = [rule for rule in RULES if "alert" in rule]
NAMES = {rule["alert"] for rule in FIRING}
RUNBOOK = (scene.ROOT / "deploy" / "runbook.md").read_text(encoding="utf-8")
BY_NAME = {one.name: one for one in scenes.ALL}
MEMBER = "unless on (namespace, job, destination) destination:webhook_processor_member:max == 0"
CIRCUIT = "unless on (namespace, job, destination) destination:webhook_processor_endpoint_down:max == 1"


@pytest.mark.parametrize("one", scenes.ALL, ids=lambda one: one.name)
def test_at_every_minute_the_alerts_fire_that_should_and_no_others(one: scene.Scene, tmp_path: Path) -> None:
    assert not scene.judged(tmp_path, ALERTS, [one], WORDS)


def test_each_alert_is_seen_to_fire_and_its_words_are_checked() -> None:
    assert len(BY_NAME) == len(scenes.ALL)
    seen = set().union(*(one.alerts() for one in scenes.ALL))
    said = {PREFIX + name for one in scenes.ALL for name in one.says}
    assert seen == said == {PREFIX + name for name, words in WORDS.items() if words} == NAMES
    burns = {each.get("burn") for one in scenes.ALL for fired in one.fires.values() for each in fired}
    assert burns - {None} == {rule["labels"]["burn"] for rule in FIRING if "burn" in rule["labels"]}


def test_each_alert_is_seen_to_end_or_not_to_begin_in_the_same_scene() -> None:
    for name in NAMES:
        assert any(
            name in {each["alertname"] for each in fired}
            and name not in {each["alertname"] for each in other}
            for one in scenes.ALL
            for fired in one.fires.values()
            for other in one.fires.values()
        ), name


def test_promtool_and_the_house_find_the_rules_in_order() -> None:
    scene.need("promtool")
    done = subprocess.run(["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout
    assert not (faults := list(_faults(FIRING, RUNBOOK))), faults


def _faults(rules: list[dict[str, Any]], runbook: str) -> list[str]:
    """What a rule of ours lacks."""
    found = []
    for rule in rules:
        name, words = rule["alert"], rule.get("annotations", {})
        sections = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", runbook, re.DOTALL | re.MULTILINE)
        parts = ("What it means", "What to look at", "What to do", "When it ends")
        checks = {
            "name": name.startswith(PREFIX),
            "severity": rule["labels"]["severity"] in ("critical", "warning", "info"),
            "words": {"summary", "description", "runbook"} == words.keys(),
            "anchor": words.get("runbook") == name.lower(),
            "what becomes of events": re.search(r"\b(nothing is lost|not lost|are lost)\b", words.get("description", ""), re.IGNORECASE),
            "runbook": len(sections) == 1 and all(f"**{part}.**" in sections[0] for part in parts),
        }  # fmt: skip
        found += [f"{name}: {what}" for what, is_well in checks.items() if not is_well]
    return found


def test_what_a_rule_lacks_is_found() -> None:
    rule: dict[str, Any] = {"alert": "Other", "labels": {"severity": "page"}, "annotations": {"summary": "x"}}
    assert len(_faults([rule], RUNBOOK)) == 6
    assert _faults(FIRING[:1], RUNBOOK.replace(f"## {FIRING[0]['alert']}\n", "## Something\n"))
    assert _faults(FIRING[:1], RUNBOOK.replace("**When it ends.**", ""))


def test_no_section_of_the_runbook_is_left_over() -> None:
    assert set(re.findall(rf"^## ({PREFIX}\w+)$", RUNBOOK, re.MULTILINE)) == NAMES


# Faults planted in the rules


def planted(folder: Path, rules: list[dict[str, Any]]) -> Path:
    """A rules file with these rules."""
    file = folder / "alerts.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "webhook-processor", "rules": rules}]}), encoding="utf-8")  # fmt: skip
    return file


def test_each_alert_that_never_fires_is_found(tmp_path: Path) -> None:
    silent = planted(tmp_path, [rule | {"expr": "vector(0) > 1"} for rule in FIRING])
    said = scene.judged(tmp_path, silent, [one for one in scenes.ALL if one.says], WORDS)
    missed = re.findall(r"alertname: (\w+), time: \S+ \n\s+exp:\[\n", said)
    assert set(missed) == NAMES


def test_each_alert_that_fires_at_once_is_found(tmp_path: Path) -> None:
    hasty = planted(tmp_path, [{key: value for key, value in rule.items() if key != "for"} for rule in RULES])
    short = [one for one in scenes.ALL if max(one.fires) <= 47]
    got = "".join(re.findall(r"got: .*", scene.judged(tmp_path, hasty, short, {})))
    waiting = {rule["alert"] for rule in FIRING if "for" in rule} - {PREFIX + "ErrorBudgetBurn"}
    assert waiting <= set(re.findall(r'alertname="(\w+)"', got))


@pytest.mark.parametrize(
    ("alert", "text", "instead", "found_by"),
    [
        ("NotReady", 'webhook_processor_circuit_state{state="closed"} == 0', "vector(0) > 1", "a process that says by its readiness that the endpoint is down"),
        ("NotReady", "webhook_processor_dead_letters_blocked > 0", "vector(0) > 1", "dead letters that cannot be written"),
        ("NotReady", MEMBER, "", "brokers that are away for an hour: what was read last is still shown"),
        ("NoProgress", MEMBER, "", "brokers that are away for an hour: what was read last is still shown"),
        ("LagGrowing", MEMBER, "", "brokers that are away for an hour: what was read last is still shown"),
        ("PartitionStuck", MEMBER, "", "brokers that are away for an hour: what was read last is still shown"),
        ("LagUnknown", "or sum by (namespace, job, destination) (webhook_processor_assigned_partitions) * 0", "", "brokers that do not tell where a partition ends"),
        ("NoProgress", CIRCUIT, "", "an endpoint that is down for an hour and comes back"),
        ("NoProgress", "sum by (namespace, job, destination) (increase(webhook_processor_deliveries_total[10m])) > 0", "vector(0) > 1", "what is settled beyond a slow event is progress, though no position moves"),
        ("NoProgress", "(changes(partition:webhook_processor_committed_offset:max[10m])) > 0", "(vector(0)) > 1", "positions move over what was settled in another process"),
        ("LagGrowing", CIRCUIT, "", "an endpoint that is down for an hour and comes back"),
        ("LagGrowing", "webhook_processor_lag_seconds:max < 10", "webhook_processor_lag_seconds:max < 0", "more traffic, more records under way, none of them late"),
        ("LagGrowing", "min_over_time", "max_over_time", "a large lag that rises and falls"),
        ("PartitionStuck", CIRCUIT, "", "an endpoint that is down for an hour and comes back"),
        ("ErrorBudgetBurn", "increase1h >= 10", "increase1h >= 1", "five late events and three dead letters on a topic with hardly any"),
        ("ErrorBudgetBurn", "ratio_rate5m > 14.4 * 0.01", "ratio_rate1h > 14.4 * 0.01", "five hours are good, then two events in five are late for half an hour"),
        ("DeadLetterRate", ">= 5", ">= 1", "five late events and three dead letters on a topic with hardly any"),
        ("DeadLetterRate", "> 0.01", "> 0.001", "every fiftieth event becomes a dead letter"),
        ("CommitFailures", "by (namespace, job, destination)", "by (namespace, job)", "commits that fail for a while, beside one worker in two of another destination"),
        ("EndpointDown", "by (namespace, job, destination)", "by (namespace, job)", "an endpoint that is down for an hour and comes back"),
        ("RebalanceStorm", "max by", "sum by", "six processes that each see a change every three minutes"),
        ("RecordsMissed", "unless webhook_processor_records_missed_total offset 1h", "", "records that retention deleted, more of them"),
        ("RecordsMissed", "or (webhook_processor_records_missed_total unless webhook_processor_records_missed_total offset 1h) > 0", "", "records that retention deleted, the first that this process saw"),
        ("Saturated", "and on (namespace, job, destination) destination:webhook_processor_lag_seconds:max > 60", "", "every request in flight is used while events are late, and while they are not"),
        ("Saturated", CIRCUIT, "", "requests that hang for ever until the endpoint is taken to be down"),
        ("Saturated", "(namespace, job, instance, worker)", "(namespace, job, instance)", "one worker uses its core while events are late"),
        ("WorkerFailing", "> 2", "> 0", "a worker that was started again once"),
        ("Down", "group by (namespace, job, destination) (webhook_processor_build_info)\n", "up\n", "a destination of which the only process is gone, for an hour"),
    ],
)  # fmt: skip
def test_a_condition_that_is_left_out_is_found(
    alert: str, text: str, instead: str, found_by: str, tmp_path: Path
) -> None:
    alone = [rule for rule in RULES if rule.get("alert", PREFIX + alert) == PREFIX + alert]
    rules = [
        rule | {"expr": rule["expr"].replace(text, instead)} if "alert" in rule else rule for rule in alone
    ]
    assert rules != alone
    assert scene.judged(tmp_path, planted(tmp_path, rules), [BY_NAME[found_by].of(PREFIX + alert)], {})
