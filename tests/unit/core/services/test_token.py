"""When a token is good, and when another is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.services.token import DEFAULT_LIFE, Granted, Refused, Token, life_of, pause, read


@pytest.mark.parametrize(
    ("said", "life"),
    [
        ("300", 300.0),
        ('"300"', 300.0),
        ('"3600.0"', 3600.0),
        ("0.5", 0.5),
        ("1e30", 315_360_000.0),
        *(
            (odd, DEFAULT_LIFE)
            for odd in ("0", "-1", "null", '"nan"', '"inf"', '"soon"', '""', "true", "[]", "{}")
        ),
    ],
)
def test_a_token_is_granted_for_as_long_as_it_says_and_what_says_nothing_of_use_for_a_while(
    said: str, life: float
) -> None:
    assert read(200, f'{{"access_token":"abc","expires_in":{said}}}'.encode()) == Granted("abc", life)


def test_nothing_said_of_its_life_is_a_while_and_its_member_may_be_another() -> None:
    assert read(200, b'{"access_token":"abc","token_type":"BEARER"}') == Granted("abc", DEFAULT_LIFE)
    assert read(200, b'{"id_token":"abc"}', "id_token", 7.0) == Granted("abc", 7.0)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (
            401,
            b'{"error":"invalid_client","error_description":"hunter2"}',
            "status 401, invalid_client (it does not take client_id",
        ),
        (400, b'{"error":"hunter2"}', "status 400"),
        (500, b"<html>", "status 500"),
        (200, b"<html>", "something else than a token"),
        (200, b'{"access_token":7}', "something else than a token"),
        (200, b'{"error":"invalid_scope"}', "something else than a token, invalid_scope"),
        (200, b'{"access_token":"a\\nb"}', "cannot be sent"),
        (200, b'{"access_token":"abc","token_type":"mac"}', "cannot be sent"),
        (200, b'{"access_token":"abc","token_type":7}', "something else"),
    ],
)
def test_what_grants_none_is_said_in_words_of_ours(status: int, body: bytes, reason: str) -> None:
    answer = read(status, body)
    assert isinstance(answer, Refused)
    assert reason in answer.reason
    assert "hunter2" not in answer.reason


@given(st.floats(0.01, 1e8), st.floats(-1e6, 1e6), st.floats(0, 1))
def test_a_token_is_renewed_while_it_is_good_and_not_used_to_its_very_end(
    life: float, asked_at: float, chance: float
) -> None:
    renewed_at, ends_at = life_of(life, asked_at, chance)
    assert asked_at + 0.69 * life <= renewed_at <= ends_at < asked_at + life
    assert asked_at + life - renewed_at <= 60 + 30 + 1e-6
    assert asked_at + life - ends_at <= 10 + 1e-6


def test_a_token_is_renewed_while_it_is_good_and_not_given_out_afterwards() -> None:
    token = Token()
    assert token.is_due(0)
    token.granted(Granted("abc", 100), 10, 0.0)
    assert (token.usable(10), token.is_due(89)) == ("abc", False)
    assert (token.usable(90), token.is_due(90)) == ("abc", True)
    assert token.usable(100) is None


def test_one_that_was_refused_is_not_given_out_and_another_one_is() -> None:
    token = Token()
    token.granted(Granted("abc", 1e9), 0, 0.5)
    token.refused("an older one")
    assert token.usable(1e8) == "abc"
    token.refused("abc")
    assert (token.usable(0), token.is_due(0)) == (None, True)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_after_failures_the_wait_is_longer_and_has_an_end(failures: int, chance: float) -> None:
    assert 0 <= pause(failures, chance) <= 30
    assert pause(failures, 1.0) == min(30.0, 0.5 * 2.0 ** min(failures, 100))


@given(st.integers(100, 599), st.binary(max_size=40))
def test_whatever_is_answered_is_a_grant_or_none(status: int, body: bytes) -> None:
    assert isinstance(read(status, body), Granted | Refused)
