"""A condition is true, false, or an error that names the member; it is never false for want of one."""

from typing import Any

import pytest

from processor.core.request.templates.condition import Condition
from processor.core.request.templates.engine import UnusableTemplateError
from processor.errors import EventError
from tests.support.builders import VOCABULARY, event, record, scope


def holds(expression: str, /, **members: Any) -> bool:
    return Condition(expression, VOCABULARY).holds(scope(event(members), record(headers=(("tenant", b"a"),))))


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("event.a.b == 'x'", True),
        ("event.n > 100", False),
        ("event.n > 2 and record.headers['tenant'] == 'a'", True),
        ("event.no is defined and event.no.x == 1", False),
        ("(event.no | default('')) == 'x'", False),
        ("event.a.b > 5", True),
        ("event.n\n== 3", True),
    ],
)
def test_a_condition_is_true_or_false(expression: str, result: bool) -> None:
    assert holds(expression, a={"b": "x"}, n=3) is result


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("event.no == 1", "filter.when: `event.no` is not there"),
        ("event.a.no.x == 1", "filter.when: `event.a.no` is not there"),
        ("record.headers.no == 'x'", "filter.when: `record.headers.no` is not there"),
        ("event.a", "filter.when: comes to neither true nor false"),
        ("event.n", "filter.when: comes to neither true nor false"),
        ("event.a.b | float > 5", "filter.when: cannot be worked out at `float`"),
    ],
)
def test_what_cannot_be_worked_out_is_an_error_and_never_false(expression: str, says: str) -> None:
    with pytest.raises(EventError) as raised:
        holds(expression, a={"b": "secret"}, n=3)
    assert raised.value.code == "invalid_event"
    assert raised.value.message.startswith(says)
    assert "secret" not in raised.value.message


@pytest.mark.parametrize(
    "text",
    ["", "{{ event.a }}", "a) }} x", "event.a ==", "evnt.a == 1", "record.offsett == 1", "event.a | no"],
)
def test_what_is_no_expression_is_refused_before_the_first_event(text: str) -> None:
    with pytest.raises(UnusableTemplateError):
        Condition(text, VOCABULARY)
