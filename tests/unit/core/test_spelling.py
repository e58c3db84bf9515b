"""A text is found in whatever way an encoder has written it."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from processor.core.spelling import read, spellings

READ = {
    r"a\/b": "a/b",
    r"\"\\\n": '"\\\n',
    r"é\u00E9": "éé",
    r"\ud83d\ude00": "😀",
    r"\ud83d!": "\ud83d!",
    "%C3%a9%2F%25": "é/%",
    "%E2%82%AC%f0%9f%98%80": "€😀",
    "%E9": "é",
    "%u00e9": "é",
    "&lt;&#60;&#x3C;&sol;": "<<</",
    r"\xc3\xa9\xe9": "éé",
    r"\U0001f600\UFFFFFFFF": "😀\\UFFFFFFFF",
    "&#1;x": "x",
}


@pytest.mark.parametrize("text", READ)
def test_an_escape_is_read_as_what_it_stands_for(text: str) -> None:
    layer = read(text)
    assert layer is not None
    assert layer.text == READ[text]


@pytest.mark.parametrize("text", ["", "plain", "a+b", "100% & more;", r"C:\work", "%zz"])
def test_what_has_no_escape_has_no_layer(text: str) -> None:
    assert read(text) is None


ENCODERS: dict[str, Callable[[str], str]] = {
    "itself": str,
    "json": lambda text: json.dumps(text)[1:-1],
    "utf-8 json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "php": lambda text: json.dumps(text)[1:-1].replace("/", r"\/"),
    "url": lambda text: quote(text, safe=""),
    "url in lower case": lambda text: quote(text, safe="").lower() if text.islower() else quote(text),
    "form": quote_plus,
    "html": html.escape,
    "html by number": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "repr": lambda text: repr(text)[1:-1],
    "repr of bytes": lambda text: repr(text.encode())[2:-1],
}
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=6, max_size=40)


@given(TEXTS, st.lists(st.sampled_from(sorted(ENCODERS)), max_size=3), st.text("xyz", max_size=3))
def test_what_stands_in_a_layer_is_found_again_in_what_was_read(
    text: str, encoders: list[str], around: str
) -> None:
    written = text
    for name in encoders:
        written = ENCODERS[name](written)
    layer = read(around + written + around)
    assume(layer is not None)
    assert layer is not None
    start, end = layer.before(len(around), len(layer.text) - len(around))
    assert (start, end) == (len(around), len(around) + len(written))


@given(TEXTS, st.integers(0, 2), st.binary(max_size=5))
def test_base64_of_a_text_is_known_behind_any_bytes(text: str, offset: int, after: bytes) -> None:
    raw = bytes(offset) + text.encode() + after
    looked_for = [each.text for each in spellings(text)]
    for encode in (b64encode, urlsafe_b64encode):
        assert any(each in encode(raw).decode() for each in looked_for)


@given(TEXTS)
def test_hexadecimal_of_a_text_is_known_in_both_cases(text: str) -> None:
    looked_for = {each.text for each in spellings(text)}
    assert {text.encode().hex(), text.encode().hex().upper()} <= looked_for


def test_a_text_that_is_escaped_itself_is_looked_for_as_what_it_stands_for_too() -> None:
    looked_for = {each.text for each in spellings("abc%25252541x")}
    assert {"abc%25252541x", "abc%252541x", "abc%2541x", "abc%41x"} <= looked_for
    assert "abcAx" not in looked_for


@pytest.mark.parametrize("text", ["a", "ab", "abc", "s3cr!"])
def test_a_short_text_has_to_stand_alone(text: str) -> None:
    plain = {each.text for each in spellings(text) if not each.is_word}
    assert text not in plain
    assert all(len(each) >= 5 for each in plain)
