"""Numbers are multiplied, and a list beside a number is refused before anything is made of it."""

import pytest

from processor.core.request.templates.texts import Compiler
from processor.errors import EventError
from tests.support.builders import VOCABULARY, event, record, scope

COMPILER = Compiler(VOCABULARY)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ event.n*-2.5 }} {{ 2 ** 3 * event.n }} {{ event.n * event.n ** 2 * 3 }}", "-7.5 24 81"),
        ("{{ (event.n + 1) * event.l[1]|int }} {{ event.l | length * event.n }}", "8 6"),
        ("{% raw %}{{ a * b }}{% endraw %}{# a * b #}{{ '2 * 3' ~ '=' * event.n }}", "{{ a * b }}2 * 3==="),
        (
            "{{ event.n * event.n is divisibleby(3) }} {% if event.n * 2 == 6 %}y{% endif %} a * b",
            "3 y a * b",
        ),
        (
            "{{ range(*[event.n * 1]) | list }} {{ {'a': 4}['a'] * 2 }} {{ -event.n * (2, 1)[1] }}",
            "[0,1,2] 8 -3",
        ),
    ],
)
def test_numbers_are_multiplied_and_what_only_looks_like_it_stays(source: str, text: str) -> None:
    assert COMPILER.text(source).fill(scope(event(n=3, l=[1, "2"]), record()), "here") == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ event.l * event.n }}",
        "{{ event.n * event.l }}",
        "{{ (event.l | reverse)[:2] * event.n | int }}",
        "{{ 2 * event.n * [event.n] }}",
        "{{ event.n * event.o }}",
        "{% set x = event.l | list * event.n %}{{ x | length }}",
    ],
)
def test_a_list_is_never_repeated(source: str) -> None:
    with pytest.raises(EventError, match=r"^invalid_event: here: `\*` has a list or an object beside it"):
        COMPILER.text(source).fill(scope(event(n=10**9, l=[1, 2, 3], o={"a": 1}), record()), "here")


def test_what_is_no_number_is_told_as_the_template_is_written() -> None:
    told = r"here: cannot be worked out at `event.a \* event.b` in `\{\{ event.a \* event.b \}\}`"
    for members in ({"a": None, "b": 1}, {"b": 1}):
        with pytest.raises(EventError, match=told):
            COMPILER.text("{{ event.a * event.b }}").fill(scope(event(members), record()), "here")
