"""What is kept cheaply is written out as prometheus_client's own metrics would, to the letter."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import choose_encoder

from processor.telemetry.collectors import UnlockedCounter, UnlockedHistogram, counter
from processor.telemetry.definitions import CounterDefinition, HistogramDefinition, Part

BOUNDS = (0.005, 0.5, 1, 30)
SENT = CounterDefinition(Part.PROCESS, "sent_total", "How many.", ("result",))
TOOK = HistogramDefinition(Part.PROCESS, "took_seconds", "How long.", buckets=BOUNDS)
FORMATS = ("", "application/openmetrics-text; version=1.0.0")


def exposition(registry: CollectorRegistry, accept: str) -> str:
    """Everything, with the moments of creation, which cannot be the same, struck out."""
    encode, _ = choose_encoder(accept)
    return re.sub(r"(_created\{.*\}) [0-9.e+]+", r"\1 then", encode(registry).decode())


@pytest.mark.parametrize("accept", FORMATS)
@given(values=st.lists(st.sampled_from(BOUNDS) | st.floats(-10, 1e6)))
def test_an_unlocked_histogram_is_written_as_one_of_the_library(accept: str, values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    unlocked = UnlockedHistogram(TOOK, "crm", ours)
    histogram = Histogram(TOOK.full_name, TOOK.help, TOOK.label_names, registry=theirs, buckets=BOUNDS)
    child = histogram.labels("crm")
    for value in values:
        unlocked.observe(value)
        child.observe(value)
    assert exposition(ours, accept) == exposition(theirs, accept)


@pytest.mark.parametrize("accept", FORMATS)
@given(values=st.lists(st.sampled_from(("2xx", "5xx", "answer_timeout"))))
def test_an_unlocked_counter_is_written_as_one_of_the_library(accept: str, values: list[str]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    unlocked, locked = UnlockedCounter(SENT, "crm", ours), counter(SENT, theirs)
    for value in values:
        unlocked.counts[value] += 1
        locked.labels("crm", value).inc()
    assert exposition(ours, accept) == exposition(theirs, accept)


def test_what_begins_at_nothing_is_written_too() -> None:
    registry = CollectorRegistry()
    UnlockedCounter(SENT, "crm", registry).counts["2xx"] += 0
    assert registry.get_sample_value(SENT.full_name, {"destination": "crm", "result": "2xx"}) == 0
