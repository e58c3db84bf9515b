"""When a token is good, and when another is asked for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.services.token import RENEWED_AT, Granted, Refused, Token, read


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"access_token":"abc","token_type":"Bearer","expires_in":300}', Granted("abc", 300.0)),
        (b'{"access_token":"abc","expires_in":"300"}', Granted("abc", 300.0)),
        (b'{"access_token":"abc","expires_in":-1}', Granted("abc", 0.0)),
        (b'{"access_token":"abc","expires_in":"nan"}', Granted("abc", 0.0)),
        (b'{"access_token":"abc"}', Granted("abc", math.inf)),
    ],
)
def test_a_token_is_granted_for_as_long_as_it_says(body: bytes, expected: Granted) -> None:
    assert read(200, body) == expected


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, b'{"error":"invalid_client","error_description":"hunter2"}', "status 401, invalid_client"),
        (400, b'{"error":"hunter2"}', "status 400"),
        (500, b"<html>", "status 500"),
        (200, b"<html>", "something else than a token"),
        (200, b'{"access_token":7}', "something else than a token"),
        (200, b'{"access_token":"a","expires_in":"soon"}', "something else than a token"),
        (200, b'{"access_token":"a\\nb"}', "cannot be sent"),
        (200, b'{"access_token":"abc","token_type":"mac"}', "cannot be sent"),
    ],
)
def test_what_grants_none_is_said_in_words_of_ours(status: int, body: bytes, reason: str) -> None:
    answer = read(status, body)
    assert isinstance(answer, Refused)
    assert reason in answer.reason
    assert "hunter2" not in answer.reason


def test_a_token_is_renewed_while_it_is_good_and_not_given_out_afterwards() -> None:
    token = Token()
    assert token.is_due(0)
    token.granted(Granted("abc", 100), 10)
    assert (token.usable(10), token.is_due(10 + RENEWED_AT * 100 - 1)) == ("abc", False)
    assert (token.usable(10 + RENEWED_AT * 100), token.is_due(10 + RENEWED_AT * 100)) == ("abc", True)
    assert token.usable(110) is None


def test_one_that_was_refused_is_not_given_out_and_another_one_is() -> None:
    token = Token()
    token.granted(Granted("abc", math.inf), 0)
    token.refused("an older one")
    assert token.usable(1e9) == "abc"
    token.refused("abc")
    assert (token.usable(0), token.is_due(0)) == (None, True)


@given(st.integers(100, 599), st.binary(max_size=40))
def test_whatever_is_answered_is_a_grant_or_none(status: int, body: bytes) -> None:
    assert isinstance(read(status, body), Granted | Refused)
