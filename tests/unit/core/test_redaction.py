"""No secret is shown in any spelling, none in half, and plain words stay."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from time import process_time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.core.redaction import KEPT, Secrets
from processor.core.spelling import DEPTH
from tests.support.examples import examples

Encoder = Callable[[str], str]


def escaped_whole(text: str) -> str:
    """Every character by its number, as JSON may write it."""
    units = text.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


ENCODERS: dict[str, Encoder] = {
    "itself": str,
    "json": lambda text: json.dumps(text)[1:-1],
    "json by number": escaped_whole,
    "json by number in capitals": lambda text: escaped_whole(text).upper().replace("\\U", "\\u"),
    "php": lambda text: json.dumps(text)[1:-1].replace("/", r"\/"),
    "json in json": lambda text: json.dumps(json.dumps(text))[3:-3],
    "url": lambda text: quote(text, safe=""),
    "url of every byte, in small letters": lambda text: "".join(f"%{each:02x}" for each in text.encode()),
    "form": quote_plus,
    "url in url": lambda text: quote(quote(text, safe=""), safe=""),
    "html": html.escape,
    "html by number": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "html by hexadecimal number": lambda text: "".join(f"&#x{ord(each):X};" for each in text),
    "html in json": lambda text: json.dumps(html.escape(text))[1:-1],
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper(),
}
for _offset in range(3):
    for _name, _encode in (("Base64", b64encode), ("URL-safe Base64", urlsafe_b64encode)):
        ENCODERS[f"{_name} behind {_offset} bytes"] = (
            lambda text, n=_offset, encode=_encode: encode(  # type: ignore[misc]
                b"abc"[:n] + text.encode()
            ).decode()
        )
        ENCODERS[f"{_name} behind {_offset} bytes, without padding"] = (
            lambda text, n=_offset, encode=_encode: (  # type: ignore[misc]
                encode(b"abc"[:n] + text.encode()).decode().rstrip("=")
            )
        )
ENCODERS["Base64 in php"] = lambda text: b64encode(text.encode()).decode().replace("/", r"\/")
ENCODERS["Base64 in url"] = lambda text: quote(b64encode(text.encode()).decode(), safe="")

PRINTABLE = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))
SECRETS = st.text(PRINTABLE, min_size=6, max_size=40).filter(lambda text: text.strip() == text != "*" * 6)
BODIES = st.text(st.sampled_from('ab01 .,:{}[]"<>\n'), max_size=30)


@pytest.mark.parametrize("name", ENCODERS)
@settings(max_examples=examples(30))
@given(SECRETS, BODIES, BODIES)
def test_a_secret_is_struck_in_every_spelling(name: str, secret: str, before: str, after: str) -> None:
    written = ENCODERS[name](secret)
    shown = Secrets([secret]).strike(f"{before} {written}.{after}")
    assert written not in shown
    assert "***" in shown
    if "Base64" not in name:
        assert shown == f"{before} ***.{after}" or secret in before + after


@pytest.mark.parametrize("name", ENCODERS)
@settings(max_examples=examples(30))
@given(SECRETS, st.integers(0, 60))
def test_none_is_shown_in_half_where_a_text_is_cut(name: str, secret: str, length: int) -> None:
    written = ENCODERS[name](secret)
    body = "x" * length + "." + written * 3 + "y" * 2_000
    shown = Secrets([secret]).excerpt(body, length + 1 + len(written) // 2)
    rest = shown.removeprefix("x" * length + ".").replace("***", "")
    assert len(rest) <= 2 or "Base64" in name, rest
    assert written[2:8] not in shown or "Base64" in name


def test_what_was_cut_before_it_is_struck_shows_no_half_either() -> None:
    secret = "hunter2-correct-horse"
    body = (secret * 10_000)[: 64 * 1024]
    assert set(Secrets([secret]).excerpt(body, 4096)) == {"*"}


SHORT = {
    "abc12": ["abc12", "token abc12, please", '"abc12"', r"\nabc12", "%20abc12", "key_abc12"],
    "a": ["a", "say a word"],
    "p@s": ["p@s", "u:p@s", "p%40s"],
    "a-a": ["a-a", "xa-a-a"],
    "a?>": ["a?>", "Basic YT8+", "token=YT8-", "613f3e"],
    "/hi": ["http://h.example/hi", "/hi?"],
}
PLAIN = {
    "abc12": ["abc123", "xabc12", "abc1", "0abc12"],
    "a": ["abracadabra", "banana", "4a"],
    "p@s": ["p@ss", "stop@s"],
    "/hi": ["/high", "hi"],
    "events": ["event", "Events"],
}


@pytest.mark.parametrize(("secret", "text"), [(secret, text) for secret in SHORT for text in SHORT[secret]])
def test_a_short_secret_is_struck_where_it_stands_alone(secret: str, text: str) -> None:
    assert "***" in Secrets([secret]).strike(text)


@pytest.mark.parametrize(("secret", "text"), [(secret, text) for secret in PLAIN for text in PLAIN[secret]])
def test_what_only_holds_a_short_secret_stays(secret: str, text: str) -> None:
    assert Secrets([secret]).strike(text) == text


@given(st.text(st.characters(exclude_categories=())))
def test_without_secrets_nothing_is_changed(text: str) -> None:
    assert Secrets().strike(text) == text
    assert Secrets(["hunter2-correct-horse"]).strike(text) == text


def test_a_text_is_read_through_as_many_encoders_as_there_may_be_and_no_more() -> None:
    encoded = ["hunter2-correct-hors%65"]
    while len(encoded) <= DEPTH:
        encoded.append(encoded[-1].replace("%", "%25"))
    secrets = Secrets(["hunter2-correct-horse"])
    assert [secrets.strike(text) for text in encoded] == ["***"] * DEPTH + encoded[DEPTH:]


def test_secrets_that_overlap_leave_nothing_between_them() -> None:
    assert Secrets(["abcdef", "defghi", "abcdefg"]).strike("abcdefghi abcdefabcdef") == "*** ******"


@pytest.mark.parametrize("name", ENCODERS)
def test_a_secret_that_is_added_later_is_struck_in_every_spelling_from_then_on(name: str) -> None:
    written = ENCODERS[name]("t0ken of/läter+on?")
    secrets = Secrets(["configured"])
    assert secrets.strike(f"a {written}.") == f"a {written}."
    secrets.add("token", "t0ken of/läter+on?")
    assert written[3:8] not in secrets.strike(f"a {written}.")
    assert written[3:8] not in secrets.excerpt(f"a {written}.", 4 + len(written) // 2)


def test_of_each_source_the_newest_are_kept_whatever_others_add() -> None:
    secrets = Secrets(["configured"])
    secrets.add("file", "from-a-file")
    secrets.add("empty", "")
    for number in range(KEPT + 1):
        secrets.add("token", f"token-{number:06d}", f"part-{number:06d}")
    assert secrets.strike("configured token-000000 part-000001 from-a-file") == "*** token-000000 *** ***"
    assert "token-000001" in secrets
    assert "token-000000" not in secrets
    assert repr(secrets) == f"Secrets({2 + 2 * KEPT})"


def test_a_secret_that_is_added_again_is_the_newest() -> None:
    secrets = Secrets()
    for number in (0, *range(KEPT), 0, KEPT):
        secrets.add("token", f"token-{number:06d}")
    assert secrets.strike("token-000000 token-000001 token-000002") == "*** token-000001 ***"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h.example/a/b?token=abc#x", "https://h.example/a/b"),
        ("https://user:pass@h.example:8443/a", "https://h.example:8443/a"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ("https://h.example/hunter2/b", "https://h.example/***/b"),
    ],
)
def test_of_a_url_neither_user_nor_query_nor_a_secret_is_shown(url: str, shown: str) -> None:
    assert Secrets(["hunter2"]).url(url) == shown


def test_of_a_secret_url_nothing_is_shown_behind_the_host() -> None:
    secrets = Secrets(hidden_origin="https://h.example")
    assert secrets.url("https://h.example/services/T0/B0/x?y") == "https://h.example/…"
    assert secrets.url("https://h.example.org/a") == "https://h.example.org/a"


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [
        *("hunter2-correct-hors", "aGk", "+", "a b", "%41", r"\u0041", "&#65;", "%252525", "\\\\\\/"),
        *(r"\ud83d\ude00", r"\ud83d", "%F0%9F%98%80", "&amp;", "%2525252541", "\\\\", "&", "%"),
    ],
)
def test_striking_costs_time_in_proportion_to_the_text(shape: str) -> None:
    secrets = Secrets(["hunter2-correct-horse", "a", "A" * 100, "abc12"])

    def cost(size: int) -> float:
        text = shape * (size // len(shape))
        began = process_time()
        secrets.strike(text)
        return process_time() - began

    cost(1000)
    small, large = (min(cost(size) for _ in range(3)) for size in (20_000, 200_000))
    assert large < 60 * max(small, 0.001)


def test_an_excerpt_costs_what_is_shown_and_not_what_there_is() -> None:
    secrets = Secrets(["hunter2-correct-horse"])

    def cost(text: str) -> float:
        began = process_time()
        for _ in range(50):
            secrets.excerpt(text, 200)
        return process_time() - began

    cost("x" * 200)
    assert cost("x%41" * 1_000_000) < 100 * max(cost("x%41" * 200), 0.001)
