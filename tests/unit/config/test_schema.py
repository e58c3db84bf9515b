"""The schema for editors takes whatever `check` takes, and refuses by form what `check` refuses by form."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.config import loading
from processor.config.schema import of_file
from processor.config.settings import Settings
from processor.config.sources.documents import read
from processor.errors import ConfigError
from tests.support.examples import examples
from tests.unit.config.test_loading import EXAMPLES, FILE

SCHEMA = jsonschema.Draft202012Validator(of_file())
MINIMAL: Mapping[str, Any] = read(FILE)
KINDS = dict(loading.fields())
EXACT = [
    name
    for name in KINDS
    if not name.startswith(("kafka.s", "destination.tls", "destination.url", "destination.headers"))
    and isinstance(EXAMPLES[name][1], bool | int | float)
]
"""Settings that are a number or a switch: of those the form says it all."""

numerals = st.from_regex(r"\A ?[+-]?[0-9_]{1,4}(\.[0-9_]{0,3})?([eE][+-]?[0-9]{1,2})? ?\Z")
WORDS = """
true False YES no oN off t F null None earliest latest 2h key static debug record named 2xx 4XX 422 refused
tombstone invalid_event,422 [404,"5xx"] post Patch GET events ^a|b events,other a.b:80 10.0.0.0/8 inf nan
1_000 0x1F 007 plaintext PLAIN none full 2026-11-27T00:00:00Z {} {"a":1} a
"""
words = st.sampled_from(WORDS.split())
scalars = st.one_of(
    st.integers(-2, 700),
    st.sampled_from((0.0, 0.001, 0.5, 1.0, 64.0, 1e6, 604_801, 10**12)),
    st.booleans(),
    st.none(),
    numerals,
    words,
    words,
)
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from("ab"), scalars, max_size=2)


def put(name: str, value: Any) -> dict[str, Any]:
    """The minimal settings with a value at a dotted name."""
    said = deepcopy(dict(MINIMAL))
    *sections, leaf = name.split(".")
    place = said
    for section in sections:
        place = place.setdefault(section, {})
    place[leaf] = value
    return said


def is_taken(said: Any, folder: Path) -> bool:
    """Whether `check` takes it; what does not fit together has no form."""
    file = folder / "settings.yaml"
    file.write_text(json.dumps(said), encoding="utf-8")
    try:
        loading.load(file, {})
    except ConfigError as error:
        return all(problem.path == "settings" for problem in error.problems)
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("settings")


@settings(max_examples=examples(600), deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(sorted(KINDS)), value=values)
def test_whatever_check_takes_the_schema_takes(folder: Path, name: str, value: Any) -> None:
    said = put(name, value)
    if is_taken(said, folder):
        SCHEMA.validate(said)


@settings(max_examples=examples(200), deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(EXACT), value=st.one_of(st.integers(-2, 10**7), st.booleans(), st.none(), words))
def test_of_numbers_and_switches_check_takes_what_the_schema_takes(
    folder: Path, name: str, value: Any
) -> None:
    said = put(name, value)
    assert SCHEMA.is_valid(said) is is_taken(said, folder) or isinstance(value, str)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_setting_may_stand_as_text_as_in_a_variable(name: str) -> None:
    text, _ = EXAMPLES[name]
    SCHEMA.validate(put(name, text))


@pytest.mark.parametrize("section", [name for name in Settings.model_fields if name not in MINIMAL])
def test_a_section_with_nothing_in_it_is_none(folder: Path, section: str) -> None:
    said = dict(MINIMAL) | {section: None}
    assert is_taken(said, folder)
    SCHEMA.validate(said)


REFUSED: Sequence[tuple[str, Any]] = (
    ("delivery.max_in_flight", "many"),
    ("delivery.max_in_flight", 0),
    ("delivery.max_in_flihgt", 1),
    ("delivery.order", "keys"),
    ("destination.method", "HEAD"),
    ("destination.method", 5),
    ("circuit.enabled", "maybe"),
    ("circuit.enabled", 7),
    ("dead_letter.always", ["refuse"]),
    ("dead_letter.always", [42]),
    ("retry.retried_statuses", ["6xx"]),
    ("kafka.topics", []),
    ("destination.headers", {"X": None}),
    ("destination.headers", {"X": {"from_evn": "A"}}),
)


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_what_is_wrong_by_its_form_is_wrong_by_the_schema(folder: Path, name: str, value: Any) -> None:
    assert not is_taken(put(name, value), folder)
    assert not SCHEMA.is_valid(put(name, value))
