"""What is kept cheaply is written out as prometheus_client's own metrics would, to the letter."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder

from processor.telemetry.collectors import Distribution, Tally

LABELS = {"destination": "crm"}
BOUNDS = (0.005, 0.5, 1, 30)
FORMATS = ("", "application/openmetrics-text; version=1.0.0")


def exposition(registry: CollectorRegistry, accept: str) -> str:
    """Everything, with the moments of creation, which cannot be the same, struck out."""
    encode, _ = choose_encoder(accept)
    return re.sub(r"(_created\{.*\}) [0-9.e+]+", r"\1 then", encode(registry).decode())


@pytest.mark.parametrize("accept", FORMATS)
@given(values=st.lists(st.sampled_from(BOUNDS) | st.floats(-10, 1e6)))
def test_a_distribution_is_written_as_a_histogram_is(accept: str, values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    distribution = Distribution("took", "How long.", LABELS, BOUNDS, ours)
    histogram = Histogram("took", "How long.", tuple(LABELS), registry=theirs, buckets=BOUNDS)
    child = histogram.labels("crm")
    for value in values:
        distribution.observe(value)
        child.observe(value)
    assert exposition(ours, accept) == exposition(theirs, accept)


@pytest.mark.parametrize("accept", FORMATS)
@given(values=st.lists(st.sampled_from(("2xx", "5xx", "timeout"))))
def test_a_tally_is_written_as_a_counter_is(accept: str, values: list[str]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tally = Tally("sent", "How many.", LABELS, "result", ours)
    counter = Counter("sent", "How many.", (*LABELS, "result"), registry=theirs)
    for value in values:
        tally.counts[value] += 1
        counter.labels("crm", value).inc()
    assert exposition(ours, accept) == exposition(theirs, accept)


def test_what_begins_at_nothing_is_written_too() -> None:
    registry = CollectorRegistry()
    Tally("sent", "How many.", LABELS, "result", registry).counts["2xx"] += 0
    assert registry.get_sample_value("sent_total", {**LABELS, "result": "2xx"}) == 0
