"""The dashboard is the one its panels make, can be imported anywhere, and asks for what there is."""

# ruff: noqa: E501 (tables, an entry a line)

import copy
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from deploy.dashboard import grafana
from processor.telemetry.definitions import NAMESPACE, TABLE
from tests import docs
from tests.packaging.deploy.scene import ALERTS, ROOT, SERIES

BOARD: dict[str, Any] = json.loads(grafana.FILE.read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
VARIABLES = ("datasource", "namespace", "job", "instance", "destination")
NOT_OURS = re.compile(r"up|ALERTS|process_\w+")
SECTIONS = ("Overview", "Deliveries", "Kafka", "Endpoint", "Dead letters", "Processes")


def interpolated(query: str, **chosen: str) -> str:
    """A query as Grafana sends it; what is not chosen is all."""
    query = query.replace("$__rate_interval", "4s")
    return re.sub(r"\$(\w+)", lambda found: chosen.get(found[1], ".*"), query)


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that show something."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def targets(board: dict[str, Any]) -> list[dict[str, Any]]:
    """All queries."""
    return [target for panel in panels(board) for target in panel["targets"]]


def metrics_of(query: str) -> set[str]:
    """The metrics that a query names; raises where it is none."""
    found: set[str] = set()

    def look(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.add(node.name or "")
        elif isinstance(node, promql_parser.MatrixSelector):
            found.add(node.vector_selector.name or "")
        return True

    promql_parser.walk(promql_parser.parse(query), look)
    return found


def faults(board: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a dashboard."""
    names = [variable["name"] for variable in board["templating"]["list"]]
    places = [panel["gridPos"] for panel in board["panels"]]
    checks = {
        "variables": names == list(VARIABLES),
        "ids": len({panel["id"] for panel in board["panels"]}) == len(board["panels"]),
        "titles": len({panel["title"] for panel in board["panels"]}) == len(board["panels"]),
        "overlap": not any(_overlap(*pair) for pair in itertools.combinations(places, 2)),
        "place": all(at["x"] + at["w"] <= grafana.COLUMNS and min(at["w"], at["h"]) > 0 for at in places),
        "unit": all(panel["fieldConfig"]["defaults"].get("unit") for panel in panels(board)),
        "description": all(panel.get("description", "").endswith(".") for panel in panels(board)),
        "datasource": all(
            part.get("datasource") == grafana.SOURCE
            for part in (*panels(board), *targets(board), *board["templating"]["list"][1:])
        ),
    }
    yield from (what for what, is_well in checks.items() if not is_well)
    for target in targets(board):
        yield from _faults_of_query(target["expr"])


def _faults_of_query(query: str) -> Iterator[str]:
    for selector in re.findall(r"\{[^}]*\}", query):
        if not all(f'{name}=~"${name}"' in selector for name in ("namespace", "job", "instance")):
            yield "selected"
    if '=~"$destination"' not in query:
        yield "destination"
    if found := unknown(metrics_of(interpolated(query))):
        yield f"unknown {found}"


def unknown(names: set[str]) -> set[str]:
    """Those that nobody exposes."""
    return {name for name in names if name not in SERIES and not NOT_OURS.fullmatch(name)}


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


def test_the_file_is_the_one_that_the_panels_make() -> None:
    assert grafana.FILE.read_text(encoding="utf-8") == grafana.written(), "run `make docs`"


def test_the_dashboard_is_in_order() -> None:
    assert not list(faults(BOARD))
    assert tuple(p["title"] for p in BOARD["panels"] if p["type"] == "row") == SECTIONS
    assert len(panels(BOARD)) > 50
    assert all(panel["type"] == "stat" for panel in panels(BOARD)[:8])


def test_it_can_be_imported_and_provisioned_anywhere() -> None:
    assert (BOARD["uid"], BOARD["schemaVersion"], "id" in BOARD) == ("kafka-webhook-processor", 42, False)
    assert not {"__inputs", "__requires"} & BOARD.keys()
    assert set(re.findall(r'"uid": "([^"]*)"', json.dumps(BOARD))) == {BOARD["uid"], "${datasource}"}


def _first(board: dict[str, Any]) -> Any:
    return panels(board)[0]


FAULTS: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("ids", lambda b: _first(b).update(id=panels(b)[1]["id"])),
    ("overlap", lambda b: _first(b)["gridPos"].update(w=4)),
    ("titles", lambda b: _first(b).update(title=panels(b)[1]["title"])),
    ("place", lambda b: panels(b)[7]["gridPos"].update(w=4)),
    ("unit", lambda b: _first(b)["fieldConfig"]["defaults"].pop("unit")),
    ("description", lambda b: _first(b).pop("description")),
    ("datasource", lambda b: _first(b).update(datasource={"type": "prometheus", "uid": "P1"})),
    ("datasource", lambda b: targets(b)[3].pop("datasource")),
    ("variables", lambda b: b["templating"]["list"].pop()),
    ("selected", lambda b: targets(b)[0].update(expr='webhook_processor_ready{destination=~"$destination"}')),
    ("destination", lambda b: targets(b)[0].update(expr=targets(b)[0]["expr"].replace("$destination", "crm"))),
    ("unknown {'webhook_processor_redy'}", lambda b: targets(b)[0].update(expr=targets(b)[0]["expr"].replace("_ready", "_redy"))),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "plant"), FAULTS)
def test_what_is_wrong_with_a_dashboard_is_found(
    fault: str, plant: Callable[[dict[str, Any]], object]
) -> None:
    board = copy.deepcopy(BOARD)
    plant(board)
    assert fault in set(faults(board))


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {SERIES.get(name) for t in targets(BOARD) for name in metrics_of(interpolated(t["expr"]))}
    assert [row.name for row in TABLE if row not in shown] == []


def test_the_rules_name_metrics_that_there_are() -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    named = set().union(*(metrics_of(rule["expr"]) for rule in RULES))
    assert len(named) > 20
    assert recorded <= named, "recorded, and used by no alert"
    assert unknown(named - recorded) == set()


@pytest.mark.parametrize("file", [*docs.pages(), ROOT / "deploy" / "runbook.md"], ids=lambda file: file.name)
def test_texts_name_metrics_and_panels_that_there_are(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    said = set(re.findall(rf"\b{NAMESPACE}_[a-z_]+\b", text))
    assert unknown(said - {row.full_name for row in TABLE}) == set()
    if file.name == "runbook.md":
        titles = {panel["title"] for panel in BOARD["panels"]}
        named = set(re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", text))
        assert len(named) > 20
        assert named <= titles, named - titles
