"""What is exposed is the table: nothing beside it, nothing of it missing, each as it is defined there."""

import re
from collections.abc import Iterable

import pytest
from prometheus_client.core import Metric

from processor.telemetry.definitions import NAMESPACE, TABLE, Definition, HistogramDefinition, Part
from processor.workers.metrics import MergedMetrics, SupervisorMetrics
from processor.workers.restarts import WorkerState
from tests.unit.telemetry.test_metrics import busy


def of_process() -> list[Metric]:
    """What a process exposes, but for what its system knows of it."""
    return [family for family in busy().registry.collect() if not family.name.startswith("process_")]


def of_supervisor() -> list[Metric]:
    """What a supervisor exposes beside what its workers do."""
    metrics = SupervisorMetrics("crm", lambda: list(WorkerState))
    metrics.has(0)
    return [*metrics.registry.collect(), *MergedMetrics("crm", {0: None}).collect()]


def rows(*parts: Part) -> list[Definition]:
    """Of the table."""
    return [row for row in TABLE if row.part in parts]


def as_defined(family: Metric) -> tuple[str, str, str]:
    """Kind, name and help of what is exposed."""
    return family.type, family.name + "_total" * (family.type == "counter"), family.documentation


def names_of_labels(family: Metric) -> set[frozenset[str]]:
    """Of all its series; `le` names a bucket."""
    return {frozenset(sample.labels.keys() - {"le"}) for sample in family.samples}


@pytest.mark.parametrize(
    ("exposed", "expected"),
    [
        (of_process(), rows(Part.PROCESS, Part.SCRAPE)),
        (of_supervisor(), rows(Part.SUPERVISOR)),
    ],
    ids=["process", "supervisor"],
)
def test_what_is_exposed_is_the_table_in_its_order(
    exposed: list[Metric], expected: Iterable[Definition]
) -> None:
    found = {family.name: as_defined(family) for family in exposed}
    assert list(found.values()) == [(row.kind, row.full_name, row.help) for row in expected]
    for family, row in zip(exposed, expected, strict=True):
        assert names_of_labels(family) == {frozenset(row.label_names)}, row.name


def test_what_a_query_may_ask_for_is_what_is_exposed() -> None:
    samples = {sample.name for family in (*of_process(), *of_supervisor()) for sample in family.samples}
    exposed = {name for name in samples if not name.endswith("_created")}
    assert exposed == {name for row in TABLE for name in row.series()}


def test_a_histogram_has_the_buckets_that_are_defined() -> None:
    for row in TABLE:
        if isinstance(row, HistogramDefinition):
            (family,) = (family for family in of_process() if family.name == row.full_name)
            ends = [float(sample.labels["le"]) for sample in family.samples if "le" in sample.labels]
            assert ends == [*row.buckets, float("inf")]
            assert list(row.buckets) == sorted(row.buckets)


def test_a_row_reads_as_all_do() -> None:
    assert len({row.name for row in TABLE}) == len(TABLE) > 50
    for row in TABLE:
        assert re.fullmatch(r"[a-z_]+", row.name)
        assert not row.name.startswith(NAMESPACE)
        assert row.name.endswith("_total") is (row.kind == "counter")
        assert row.help.endswith(".")
        assert "destination" not in row.labels
