"""Which schemas are known, which are asked for, and what records wait for."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from processor.core.record.registry.answers import OF_ALL, Away, Missing, Result
from processor.core.record.registry.schemas import (
    LONGEST_SECONDS,
    MOST_OPEN,
    PAUSE_SECONDS,
    REMEMBERED_SECONDS,
    Question,
    Schemas,
    SchemasPolicy,
    Unavailable,
)
from processor.errors import EventError
from tests.support.examples import examples

DOWN = Away(Result.UNREACHABLE, "no connection")
ODD = Away(Result.FORBIDDEN, "status 403")
MISSING = Missing("404, error code 40403")


def book(missing_after: float = 60.0, most: int = 1000) -> Schemas[str]:
    return Schemas(SchemasPolicy(missing_after, most))


def test_a_schema_is_asked_for_once_and_then_known() -> None:
    schemas = book()
    assert schemas.look("7", 0) is Question.ASK
    assert schemas.look("7", 0) is Question.ASKED
    assert schemas.look("8", 0) is Question.ASK
    assert schemas.told("7", "decoder", 1, 0) == "decoder"
    assert schemas.look("7", 1e9) == "decoder"


def test_a_schema_that_is_none_refuses_what_names_it() -> None:
    schemas = book()
    schemas.look("7", 0)
    wrong = EventError("invalid_schema", "schema 7 is not JSON")
    assert schemas.told("7", wrong, 1, 0) is wrong
    assert schemas.look("7", 1e9) is wrong


@pytest.mark.parametrize("away", [DOWN, ODD])
def test_after_a_failure_it_is_asked_again_later_and_later(away: Away) -> None:
    schemas, now, waited = book(), 0.0, []
    for _ in range(8):
        assert schemas.look("7", now) is Question.ASK
        assert schemas.told("7", away, now, 1.0) == Unavailable(away.reason)
        failed_at = now
        while isinstance(schemas.look("7", now := now + 0.25), Unavailable):
            pass
        schemas.told("7", away, now, 1.0)
        now += LONGEST_SECONDS
        waited.append(now - failed_at)
    assert waited == sorted(waited)


def test_while_the_registry_as_a_whole_fails_nothing_else_is_asked() -> None:
    schemas = book()
    schemas.look("7", 0)
    schemas.told("7", DOWN, 0, 1.0)
    assert schemas.look("8", PAUSE_SECONDS / 2) == Unavailable(DOWN.reason)
    assert schemas.look("8", PAUSE_SECONDS) is Question.ASK


def test_what_fails_for_one_schema_keeps_no_other_from_being_asked_for() -> None:
    schemas = book()
    schemas.look("7", 0)
    schemas.told("7", ODD, 0, 1.0)
    assert schemas.look("8", 0) is Question.ASK


def test_an_id_that_is_not_there_may_come_until_the_time_is_over() -> None:
    schemas, now = book(missing_after=60), 5.0
    while True:
        assert schemas.look("7", now) is Question.ASK
        found = schemas.told("7", MISSING, now, 0.5)
        if now - 5.0 >= 60:
            break
        assert isinstance(found, Unavailable)
        assert "7" in found.reason
        now += LONGEST_SECONDS
    assert isinstance(found, EventError)
    assert (found.code, "404" in found.message) == ("unknown_schema", True)
    assert schemas.look("7", now + REMEMBERED_SECONDS - 1) is found
    assert schemas.look("7", now + REMEMBERED_SECONDS) is Question.ASK
    assert isinstance(schemas.told("7", MISSING, now + REMEMBERED_SECONDS, 0.5), EventError)
    schemas.look("7", now + 3 * REMEMBERED_SECONDS)
    assert schemas.told("7", "decoder", now + 3 * REMEMBERED_SECONDS, 0.5) == "decoder"


def test_a_registry_that_fails_afterwards_takes_the_word_back() -> None:
    schemas = book(missing_after=0)
    schemas.look("7", 0)
    assert isinstance(schemas.told("7", MISSING, 0, 0), EventError)
    assert schemas.look("7", 100) is Question.ASK
    assert schemas.told("7", DOWN, 100, 0) == Unavailable(DOWN.reason)
    assert schemas.look("7", 100.1) == Unavailable(DOWN.reason)


def test_of_those_known_the_ones_used_last_are_kept() -> None:
    schemas = book(most=2)
    for name in ("a", "b"):
        schemas.look(name, 0)
        schemas.told(name, name, 0, 0)
    assert schemas.look("a", 0) == "a"
    schemas.look("c", 0)
    schemas.told("c", "c", 0, 0)
    assert schemas.look("a", 0) == "a"
    assert schemas.look("c", 0) == "c"
    assert schemas.look("b", 0) is Question.ASK


@pytest.mark.parametrize("waiting", [0, 1, 50])
def test_what_is_remembered_of_unknown_ids_is_bounded_and_none_asked_for_is_forgotten(waiting: int) -> None:
    schemas = book(missing_after=0)
    for number in range(waiting):
        assert schemas.look(("asked", number), 0) is Question.ASK
    for number in range(MOST_OPEN + 60):
        schemas.look(number, 0)
        schemas.told(number, MISSING, 0, 0)
    assert schemas.sizes()[1] <= MOST_OPEN + 1
    assert all(schemas.look(("asked", number), 0) is Question.ASKED for number in range(waiting))


@dataclass
class Seen:
    """What is true of a schema, as its registry and those who asked know it."""

    asked: bool = False
    first_missed: float | None = None
    answers: list[Any] = field(default_factory=list)


class Registry(RuleBasedStateMachine):
    """Any looks and answers, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.schemas = book(missing_after=20, most=3)
        self.now = 0.0
        self.seen: dict[str, Seen] = {name: Seen() for name in "abcde"}

    @rule(seconds=st.sampled_from([0.0, 0.3, 1.0, 7.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(name=st.sampled_from("abcde"))
    def look(self, name: str) -> None:
        seen, found = self.seen[name], self.schemas.look(name, self.now)
        assert (found is Question.ASKED) == seen.asked
        if found is Question.ASK:
            seen.asked = True
        elif isinstance(found, EventError) and found.code == "unknown_schema":
            self.is_rightly_unknown(seen)
        elif isinstance(found, str):
            assert found == name

    @precondition(lambda self: any(seen.asked for seen in self.seen.values()))
    @rule(
        data=st.data(),
        answer=st.sampled_from([*(Away(result, "why") for result in Result), MISSING, "decoder"]),
        chance=st.floats(0, 1),
    )
    def answer(self, data: st.DataObject, answer: Any, chance: float) -> None:
        name = data.draw(st.sampled_from([name for name, seen in self.seen.items() if seen.asked]))
        seen = self.seen[name]
        seen.asked = False
        if isinstance(answer, Missing) and seen.first_missed is None:
            seen.first_missed = self.now
        seen.answers.append(answer)
        found = self.schemas.told(name, name if answer == "decoder" else answer, self.now, chance)
        if answer == "decoder":
            assert found == name
            seen.first_missed = None
        elif isinstance(answer, Away):
            assert isinstance(found, Unavailable)
            assert not isinstance(self.schemas.look(name, self.now), EventError | Question)
        elif isinstance(found, EventError):
            self.is_rightly_unknown(seen)
        if isinstance(answer, Away) and answer.result in OF_ALL:
            others = [each for each in "abcde" if not self.seen[each].asked]
            assert all(self.schemas.look(each, self.now) is not Question.ASK for each in others)

    def is_rightly_unknown(self, seen: Seen) -> None:
        assert seen.first_missed is not None
        assert self.now - seen.first_missed >= 20
        assert isinstance(seen.answers[-1], Missing)

    @invariant()
    def are_bounded(self) -> None:
        assert self.schemas.sizes()[0] <= 3


TestAnyRegistry = Registry.TestCase
TestAnyRegistry.settings = settings(max_examples=examples(60), stateful_step_count=40)
