"""What stands in a document is what is meant: numbers keep their digits, and nothing is said twice."""

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.config.sources.documents import LARGEST, DocumentError, read

NUMBERS = (
    *("1.10", "007", "0x1F", "12:30:45", "0123", "0o17", "1e3", "3.56136738e+08", "1_000", ".inf", "-0"),
    *("yes", "no", "on", "off", "true", "False", "2024-01-31", "2024-13-41", "2001-12-14T21:59:43Z", "="),
)
NAMES = frozenset(("a", "b", "d", "<<"))
FORMS = ("a: {}", "a: '{}'", '{{"a": "{}"}}', "{{a: {}}}", "a:\n  {}\n", "a: !!str {}")


def faults(text: str) -> list[tuple[int, str]]:
    """Lines and messages of what is wrong."""
    with pytest.raises(DocumentError) as caught:
        read(text, NAMES)
    return [(fault.line, fault.message) for fault in caught.value.faults]


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize(
    "form", ["a: {}", "a: '{}'", '{{"a": "{}"}}', "{{a: {}}}", "a:\n  {}\n", "a: !!str {}"]
)
def test_a_scalar_is_the_text_that_stands_there(form: str, text: str) -> None:
    assert read(form.format(text)) == {"a": text}


@given(st.from_regex(re.compile(r"[0-9+.-][0-9a-fxoE_:+.-]{0,12}", re.ASCII), fullmatch=True))
def test_nothing_that_looks_like_a_number_is_changed(text: str) -> None:
    if text not in ("-", "--", "---", "...") and not text.endswith(":") and not text.startswith("---"):
        assert read(f"[{text}]") == [text]


@pytest.mark.parametrize("text", ["null", "Null", "NULL", "~", ""])
def test_none_is_said_by_null_and_by_nothing(text: str) -> None:
    assert read(f"a: {text}") == {"a": None}
    assert read(f"a: '{text}'") == {"a": text}


@pytest.mark.parametrize("text", ["", "# nothing", "---\n"])
def test_an_empty_document_is_none(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\nb: 2\na: 3\n", [(3, "the key a is given twice, again in column 1")]),
        (
            "a: {b: 1, b: 2}\nc:\n  - d: 1\n    d: 1\n",
            [
                (1, "the key b is given twice, again in column 11"),
                (4, "the key d is given twice, again in column 5"),
            ],
        ),
        ('{"a": 1, "a": 2}', [(1, "the key a is given twice, again in column 10")]),
        ("a: 1\n'a': 2\n", [(2, "the key a is given twice, again in column 1")]),
        ("x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x\n", [(4, "the key << is given twice, again in column 3")]),
    ],
)
def test_a_key_given_twice_is_a_fault_wherever_it_stands(text: str, found: list[tuple[int, str]]) -> None:
    assert faults(text) == found


SECRET = "Zq9Secret"


@pytest.mark.parametrize("form", ["a: {}\n", "b: {{a: {}}}\n", "b: [x, {}]\n", "a:\n{}\n"])
@pytest.mark.parametrize(
    "text",
    [
        *(
            "*{}",
            "{{{0}, {0}}}",
            "&{0} &{0} x",
            "%{}",
            "@{}",
            "`{}",
            "x: {}: y",
            "|{}",
            ">{}",
            '"\\{}',
            "[{}",
        ),
        *("!{0}!{0} x", "!{} x", "!<{}", "'{}", "{{{}", "? {}", "- {}", "{{<<: {}}}", "{{? [{}]}}", "{}\x01"),
    ],
)
def test_a_fault_repeats_nothing_of_the_document(form: str, text: str) -> None:
    with suppress(DocumentError):
        read(form.format(text.format(SECRET)))
        return
    for _, message in faults(form.format(text.format(SECRET))):
        assert SECRET not in message
        assert SECRET[0] not in message


def test_what_is_no_yaml_is_told_with_its_column_and_what_to_quote() -> None:
    assert faults("a: 1\nb: *x\n") == [
        (2, "is not YAML: it cannot be read from column 4 on: a value that begins with `*` has to be quoted")
    ]
    assert faults("a: {x, x}\n") == [(1, "a key is given twice, again in column 8")]


def test_what_is_merged_in_may_be_said_otherwise() -> None:
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 3}\nz: {<<: [*x, *y], c: 4}\n"
    assert read(text)["z"] == {"a": "1", "b": "2", "c": "4"}
    assert read("x: &x {a: 1}\nz: {a: 2, <<: *x}\n")["z"] == {"a": "2"}


@pytest.mark.parametrize("merged", ["5", "[5]", "~"])
def test_only_mappings_are_merged_in(merged: str) -> None:
    assert faults(f"a: 1\nb: {{<<: {merged}}}\n") == [(2, "`<<` wants a mapping, or a list of some")]


@pytest.mark.parametrize("key", ["? null\n", "? [a]\n", "? {a: b}\n", "~"])
def test_a_key_that_is_no_text_is_a_fault(key: str) -> None:
    assert "holds a key that is no text" in {message for _, message in faults(f"{key}: 1")}


@pytest.mark.parametrize(
    "text",
    ["!!int 5", "!!float 1.10", "!mine x", "!!python/object/apply:os.getcwd []", "!!set {a}"],
)
def test_tags_are_not_read(text: str) -> None:
    ((line, message),) = faults(f"\na: {text}\n")
    assert line == 2
    assert message.startswith("holds a tag")


def laughs(row: str) -> str:
    """Aliases of aliases of aliases."""
    rows = ["a0: &a0 {x: y}"]
    rows += [f"a{n + 1}: &a{n + 1} " + row.format(", ".join([f"*a{n}"] * 10)) for n in range(9)]
    return "\n".join(rows)


@pytest.mark.parametrize("text", [laughs("[{}]"), laughs("{{<<: [{}]}}"), "a: &a [*a]", "a: &a {b: *a}"])
def test_aliases_that_make_much_of_little_are_refused(text: str) -> None:
    ((_, message),) = faults(text)
    assert message == f"its aliases make it larger than {LARGEST} values"


def test_an_alias_stands_for_what_it_names() -> None:
    assert read("a: &a [1, 2]\nb: [*a, *a]\n")["b"] == [["1", "2"], ["1", "2"]]


@given(st.text())
def test_a_text_is_read_or_refused(text: str) -> None:
    with suppress(DocumentError):
        assert all_texts(read(text))


def all_texts(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and all_texts(item) for name, item in value.items())
    return all(map(all_texts, value)) if isinstance(value, list) else value is None or isinstance(value, str)


LEAVES = st.text() | st.integers() | st.booleans()


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner)))
def test_json_is_read_too(value: Any) -> None:
    assert all_texts(read(json.dumps(value)))
