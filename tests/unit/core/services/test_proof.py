"""What is put on a request that tells who sends it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.services.proof import Proof
from processor.model import Headers, Request

HEADERS: Headers = (("User-Agent", "x"), ("X-Secret", "old"))
BEARER = (("Authorization", "Bearer abc"),)
names = st.sampled_from(("Authorization", "authorization", "X-Secret", "x-secret", "Other"))
fields = st.lists(st.tuples(names, st.sampled_from(("old", "new", ""))), max_size=5).map(tuple)


def request(headers: Headers = HEADERS, url: str = "https://h.example/p") -> Request:
    return Request("POST", url, headers, b"{}", (("webhook-id", "1"),))


class Signer:
    """Signs by what it sees."""

    def made(self, request: Request, at: float) -> Headers:
        return (("Authorization", f"{request.url} {len(request.headers)} {at:g}"),)


def test_the_same_headers_become_the_same_object_and_the_request_is_left_as_it_was() -> None:
    proof, before = Proof(BEARER), request()
    made = [proof.put_on(before, 0.0) for _ in range(2)]
    assert made[0] is not None
    assert made[1] is not None
    assert made[0].headers is made[1].headers
    assert made[0] == before._replace(headers=(*HEADERS, *BEARER))
    assert before == request()


def test_one_with_nothing_to_change_leaves_the_headers_as_they_are() -> None:
    made = Proof(replaced={("x-secret", "older"): "new"}).put_on(request(), 0.0)
    assert made is not None
    assert made.headers is HEADERS


def test_a_configured_value_is_replaced_and_an_events_own_is_not() -> None:
    proof = Proof(replaced={("x-secret", "old"): "new"})
    made = proof.put_on(request(), 0.0)
    assert made is not None
    assert made.headers == (("User-Agent", "x"), ("X-Secret", "new"))
    own = proof.put_on(request((("X-Secret", "mine"),)), 0.0)
    assert own is not None
    assert own.headers == (("X-Secret", "mine"),)


def test_an_events_own_gives_way_or_wins_each_time_it_is_asked() -> None:
    said = request((("authorization", "mine"), ("A", "b")))
    made = Proof(BEARER).put_on(said, 0.0)
    assert made is not None
    assert made.headers == (("A", "b"), *BEARER)
    proof = Proof(BEARER, may_override=True)
    assert [proof.put_on(said, 0.0) for _ in range(2)] == [None, None]
    assert proof.seen is None
    assert proof.put_on(request(), 0.0) is not None
    assert Proof(signs=Signer(), may_override=True).put_on(said, 0.0) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h.example/p", "https://h.example/p?a%20key=s%26"),
        ("https://h.example/p?", "https://h.example/p?a%20key=s%26"),
        ("https://h.example/p?x=1", "https://h.example/p?x=1&a%20key=s%26"),
        ("https://h.example/p?x=1&", "https://h.example/p?x=1&a%20key=s%26"),
        ("https://h.example/p?a+key=mine&x=1", "https://h.example/p?x=1&a%20key=s%26"),
        ("https://h.example/p?x=a&a%20key", "https://h.example/p?x=a&a%20key=s%26"),
    ],
)
def test_a_parameter_stands_at_the_end_and_no_other_of_its_name_before_it(url: str, expected: str) -> None:
    proof = Proof(query=("a key", "s&"))
    for _ in range(2):
        made = proof.put_on(request(url=url), 0.0)
        assert made is not None
        assert (made.url, made.headers) == (expected, HEADERS)


def test_what_signs_sees_the_request_as_it_leaves_and_its_headers_are_the_attempts() -> None:
    proof = Proof(BEARER[:0], query=("k", "v"), signs=Signer())
    made = proof.put_on(request(), 7.0)
    assert made is not None
    assert made.attempt_headers == (
        ("webhook-id", "1"),
        ("Authorization", "https://h.example/p?k=v 2 7"),
    )


def test_what_signs_needs_no_parameter() -> None:
    made = Proof(signs=Signer()).put_on(request(), 1.0)
    assert made is not None
    assert (made.url, made.attempt_headers[-1][1]) == ("https://h.example/p", "https://h.example/p 2 1")


@given(fields, st.booleans())
def test_no_request_has_two_of_ours(said: Headers, may_override: bool) -> None:
    made = Proof(BEARER, may_override=may_override).put_on(request(said), 0.0)
    is_said = any(name.lower() == "authorization" for name, _ in said)
    assert (made is None) is (is_said and may_override)
    if made is not None:
        assert [value for name, value in made.headers if name.lower() == "authorization"] == ["Bearer abc"]
        assert [each for each in made.headers if each not in BEARER] == [
            each for each in said if each[0].lower() != "authorization"
        ]
