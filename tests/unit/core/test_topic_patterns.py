"""A pattern finds what librdkafka subscribes by it, and none that we take costs more than a moment."""

import time
from uuid import uuid4

import confluent_kafka
import pytest

from processor.core.topic_patterns import fault_of, matches
from processor.kafka.embedded import EmbeddedBroker
from tests.support.patience import PATIENCE

TOPICS = ["a1", "ad", "events", "events.dlq", "Events-2", "prod_events", "b", "x|b"]
PATTERNS = {
    r"^a\d": ["ad"],
    "^a[0-9]": ["a1"],
    "^[[:alpha:]]+$": ["ad", "events", "b"],
    "^[[:upper:]]": ["Events-2"],
    "^x|ts": ["events", "events.dlq", "Events-2", "prod_events", "x|b"],
    "^events": ["events", "events.dlq"],
    "^events$": ["events"],
    r"^\w+$": ["a1", "ad", "events", "prod_events", "b"],
    "^.{1}$": ["b"],
    "^([a-z]+[.-]?)+$": ["ad", "events", "events.dlq", "b"],
}
ALWAYS = "always"
HANGS = {
    "^(a*)*b": "repeats what may be empty",
    "^(|a)+b": "repeats what may be empty",
    "^(a*b*|c)+d": "repeats what may be empty",
    "^a**": "repeats what may be empty",
    r"^(\b)*a": "repeats what may be empty",
    r"^(a+)\1$": "refers back",
    "^(([a-z]{255}){255}){255}": "repeats too much",
    "^([a-z]{1,9999}){1,9999}": "repeats too much",
    "^a{9999999999}": "repeats too much",
    "^((((((a+)+)+)+)+)+)+": "repeats too much",
    "^" + "a" * 1000: "is longer than",
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_finds_what_is_written_beside_it(pattern: str) -> None:
    assert [topic for topic in TOPICS if matches(pattern, topic)] == PATTERNS[pattern]


@pytest.mark.slow
def test_a_pattern_finds_what_the_library_subscribes_by_it() -> None:
    with EmbeddedBroker() as broker:
        for topic in [*TOPICS, ALWAYS]:
            broker.create_topic(topic)
        options = {"bootstrap.servers": broker.bootstrap_servers}
        members = {each: confluent_kafka.Consumer(options | {"group.id": str(uuid4())}) for each in PATTERNS}
        try:
            for pattern, member in members.items():
                member.subscribe([pattern, ALWAYS])
            deadline = time.monotonic() + PATIENCE
            while not all(member.assignment() for member in members.values()):
                assert time.monotonic() < deadline
                for member in members.values():
                    member.poll(0.01)
            for pattern, member in members.items():
                subscribed = {each.topic for each in member.assignment()} - {ALWAYS}
                assert subscribed == {topic for topic in TOPICS if matches(pattern, topic)}, pattern
        finally:
            for member in members.values():
                member.close()


@pytest.mark.parametrize("pattern", ["^(", "^[z-a]", "^*"])
def test_what_cannot_be_read_finds_nothing(pattern: str) -> None:
    assert matches(pattern, "events") is False


def test_where_the_c_library_has_no_say_it_is_not_known_what_is_found() -> None:
    assert matches("^events$", "events", system="win32") is None


@pytest.mark.parametrize(("pattern", "fault"), [(each, HANGS[each]) for each in HANGS])
def test_what_could_keep_us_busy_for_hours_is_refused_with_a_remedy(pattern: str, fault: str) -> None:
    told = fault_of(pattern)
    assert told is not None
    assert told.startswith(fault)
    assert ": " in told or "; " in told


@pytest.mark.parametrize(
    "pattern",
    [
        *PATTERNS,
        "^.*",
        "^events(-.*)?$",
        "^(eu|us)[.](orders|refunds)([.]v[0-9]+)?$",
        "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        "^[a-z]{1,249}$",
        "^[(*+]+x{2,}",
        r"^[]\1]*\*\(",
        "^[^[:space:]]+[.]dlq$",
        "^(" + "|".join(f"topic-{n}" for n in range(90)) + ")$",
        "^(",
        "^a)",
    ],
)
def test_what_operators_write_is_taken(pattern: str) -> None:
    assert fault_of(pattern) is None


@pytest.mark.parametrize("pattern", ["^([a-z]+[.-]?)+$", "^" + "[ab]*" * 24 + "$", "^(a|ab|b)+(.{0,249})$"])
def test_the_longest_name_is_judged_although_it_could_be_taken_apart_in_countless_ways(pattern: str) -> None:
    assert fault_of(pattern) is None
    assert matches(pattern, "ab" * 124 + "_") is ("." in pattern and "{" in pattern)
