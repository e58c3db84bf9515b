"""The way through what schemas refer to."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.record.registry.answers import Definition, Reference
from processor.core.record.registry.references import MOST_BYTES, MOST_REFERENCES, Walk, Whole
from processor.errors import EventError

Graph = Mapping[str, list[str]]


def definition(graph: Graph, name: str) -> Definition:
    return Definition(f"text of {name}", "AVRO", tuple(Reference(to, to, 1) for to in graph[name]))


def walked(graph: Graph) -> tuple[Whole, list[str]]:
    """What comes of the walk from `root`, and what was asked for."""
    walk, asked = Walk("schema 7", definition(graph, "root")), list[str]()
    while (reference := walk.wanted()) is not None:
        asked.append(reference.subject)
        walk.found(reference, definition(graph, reference.subject))
    return walk.whole(), asked


def test_what_something_refers_to_stands_before_it_and_is_asked_for_once() -> None:
    whole, asked = walked({"root": ["a", "b"], "a": ["c"], "b": ["c", "a"], "c": []})
    assert list(whole.references) == ["c", "a", "b"]
    assert asked == ["a", "c", "b"]
    assert (whole.name, whole.text, whole.type) == ("schema 7", "text of root", "AVRO")


@pytest.mark.parametrize(
    "graph", [{"root": ["a"], "a": ["a"]}, {"root": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}]
)
def test_what_refers_to_itself_is_refused(graph: Graph) -> None:
    with pytest.raises(EventError, match="schema 7 refers to itself") as error:
        walked(graph)
    assert error.value.code == "invalid_schema"


def test_so_many_are_taken_and_no_more() -> None:
    names = [f"n{number}" for number in range(MOST_REFERENCES)]
    flat: dict[str, list[str]] = {"root": names, **{name: [] for name in names}}
    assert len(walked(flat)[0].references) == MOST_REFERENCES
    with pytest.raises(EventError, match="refers to more than"):
        walked({**flat, "root": [*names, "more"], "more": []})
    endless = {"root": ["n0"], **{f"n{number}": [f"n{number + 1}"] for number in range(MOST_REFERENCES + 1)}}
    with pytest.raises(EventError, match="refers to more than"):
        walked(endless)


def test_all_together_are_no_longer_than_may_be() -> None:
    half = Definition("x" * (MOST_BYTES // 2), "AVRO", (Reference("a", "a", 1), Reference("b", "b", 1)))
    walk = Walk("schema 7", half)
    reference = walk.wanted()
    assert reference is not None
    walk.found(reference, half._replace(references=()))
    reference = walk.wanted()
    assert reference is not None
    with pytest.raises(EventError, match="has more than"):
        walk.found(reference, Definition("y"))
    with pytest.raises(EventError, match="has more than"):
        Walk("schema 7", Definition("x" * (MOST_BYTES + 1)))


NAMES = ["root", *"abcdef"]


@given(st.fixed_dictionaries({name: st.lists(st.sampled_from("abcdef"), max_size=4) for name in NAMES}))
def test_any_references_come_in_an_order_in_which_they_can_be_read_or_are_refused(graph: Graph) -> None:
    try:
        whole, asked = walked(graph)
    except EventError:
        return
    assert sorted(asked) == sorted(set(asked)) == sorted(whole.references)
    order = list(whole.references)
    for name in order:
        assert all(order.index(needed) < order.index(name) for needed in graph[name])
    assert set(graph["root"]) <= set(order)
