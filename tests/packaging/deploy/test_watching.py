"""Under a real Prometheus, with real trouble, every panel has data, every rule is evaluated, alerts fire.

Nothing is exposed that is not documented, and nothing documented is not exposed.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from processor.telemetry.definitions import NAMESPACE
from tests.packaging.deploy.live import TOPICS, Live
from tests.packaging.deploy.prometheus import Prometheus, hastened
from tests.packaging.deploy.scene import SERIES
from tests.packaging.deploy.test_dashboard import BOARD, NOT_OURS, RULES, interpolated, panels

OF_WORKERS = {
    "Workers by state",
    "Workers that answer",
    "Supervisor's log lines lost",
    "Worker restarts",
}
"""Panels that stay empty without --workers."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, float]]:
    """Prometheus when everything has happened, and since when it did."""
    played = Live(tmp_path_factory.mktemp("live"))
    with played.played() as prometheus:
        yield prometheus, played.since


@pytest.mark.parametrize("destination", TOPICS)
@pytest.mark.parametrize("panel", panels(BOARD), ids=lambda panel: panel["title"])
def test_a_panel_shows_the_destination_that_was_chosen(
    live: tuple[Prometheus, float], panel: dict[str, Any], destination: str
) -> None:
    prometheus, since = live
    for target in panel["targets"]:
        found = prometheus.series(interpolated(target["expr"], destination=destination), since)
        is_empty = destination == "erp" and panel["title"] in OF_WORKERS
        assert bool(found) != is_empty
        assert {labels.get("destination", destination) for labels, _ in found} <= {destination}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_is_evaluated_as_it_stands(live: tuple[Prometheus, float], rule: dict[str, str]) -> None:
    prometheus, since = live
    prometheus.series(rule["expr"], since)
    (loaded,) = [
        each
        for each in prometheus.ask("rules")["groups"][0]["rules"]
        if each["name"] == (rule.get("alert") or rule["record"])
        and each.get("labels", {}) == rule.get("labels", {})
    ]
    assert (loaded["health"], loaded.get("lastError", "")) == ("ok", "")


def test_a_rule_that_cannot_be_evaluated_would_be_seen(live: tuple[Prometheus, float]) -> None:
    query = "webhook_processor_ready * on (job) webhook_processor_ready"
    with pytest.raises(AssertionError, match="many-to-many"):
        live[0].series(query, live[1])


@pytest.mark.parametrize("rule", [r for r in RULES if "record" in r], ids=lambda rule: rule["record"])
def test_what_is_recorded_is_there_for_both(live: tuple[Prometheus, float], rule: dict[str, str]) -> None:
    prometheus, since = live
    found = prometheus.series(rule["record"], since)
    assert {labels["destination"] for labels, _ in found} == set(TOPICS)


def test_what_is_exposed_is_what_is_documented(live: tuple[Prometheus, float]) -> None:
    names = set(live[0].ask("label/__name__/values"))
    ours = {name for name in names if name.startswith(NAMESPACE)}
    assert {name for name in ours if not name.endswith("_created")} == SERIES.keys()
    rest = {name for name in names - ours if not NOT_OURS.fullmatch(name) and ":" not in name}
    assert all(name.startswith(("scrape_", "ALERTS")) for name in rest), rest


@pytest.mark.parametrize("name", ["EndpointDown", "NoMember", "DeadLetterWriteFailing", "Down"])
def test_alerts_were_seen_to_fire(live: tuple[Prometheus, float], name: str) -> None:
    prometheus, since = live
    query = f'ALERTS{{alertname="WebhookProcessor{name}", alertstate="firing"}}'
    found = {labels.get("destination") for labels, _ in prometheus.series(query, since)}
    assert found >= ({"erp"} if name == "Down" else set(TOPICS))


def test_words_of_an_alert_that_fires_have_values_in_all_places(live: tuple[Prometheus, float]) -> None:
    alerts = live[0].ask("alerts")["alerts"]
    assert alerts
    for each in alerts:
        assert not {"<no value>", "<error", "%!"} & set(each["annotations"].values())
        assert "  " not in " ".join(each["annotations"].values())


def test_times_are_made_shorter_and_nothing_else() -> None:
    rule = "for: 5m\nexpr: x:ratio_rate5m > 300 and y[1h] and z[3d] offset 15m"
    assert hastened(rule) == "for: 5s\nexpr: x:ratio_rate5m > 300 and y[1m] and z[72m] offset 15s"
