"""What the platform of AWS answers, and what it comes to."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.services.aws_answers import AwsGranted, is_expired, of_container, of_sts
from processor.core.services.sigv4 import AwsKeys
from processor.core.services.token import Refused

MEMBERS = {
    "AccessKeyId": "ASIA1",
    "SecretAccessKey": "a&b/c",
    "SessionToken": "t==",
    "Expiration": "1970-01-01T01:00:00Z",
}
GRANTED = AwsGranted(AwsKeys("ASIA1", "a&b/c", "t=="), 3590.0)


def xml(**more: str) -> bytes:
    members = "".join(
        f"<{name}>{text.replace('&', '&amp;')}</{name}>" for name, text in (MEMBERS | more).items()
    )
    return f"<R><Credentials>{members}</Credentials></R>".encode()


def jsons(**more: str) -> bytes:
    said = {**MEMBERS, "Token": "t==", **more}
    return json.dumps(said).encode()


def test_keys_are_good_for_as_long_as_is_said() -> None:
    assert of_sts(200, xml(), 10.0) == GRANTED
    assert of_container(200, jsons(), 10.0) == GRANTED
    assert of_sts(200, xml(), 1e6) == GRANTED._replace(life=1.0)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            of_sts(403, b"<Error><Code>AccessDenied</Code><Message>hunter2</Message></Error>", 0),
            ", AccessDenied",
        ),
        (of_sts(500, b"hunter2", 0), "status 500"),
        (of_sts(200, b"<html>", 0), "something else"),
        (of_sts(200, xml(Expiration="soon"), 0), "something else"),
        (of_sts(200, xml(SessionToken="a b"), 0), "something else"),
        (
            of_container(400, b'{"code":"InvalidTokenException","message":"hunter2"}', 0),
            "InvalidTokenException",
        ),
        (of_container(400, b'{"code":"hunter2 x"}', 0), "status 400"),
        (of_container(500, b"", 0), "status 500"),
        (of_container(200, b"{}", 0), "something else"),
    ],
)
def test_what_grants_none_is_said_in_words_of_ours(answer: AwsGranted | Refused, reason: str) -> None:
    assert isinstance(answer, Refused)
    assert reason in answer.reason
    assert "hunter2" not in answer.reason


def test_keys_that_are_over_are_told_from_any_other_refusal() -> None:
    assert is_expired(403, b'{"__type":"ExpiredTokenException"}')
    assert is_expired(403, b'{"message":"The security token included in the request is expired"}')
    assert not is_expired(403, b'{"message":"Forbidden"}')
    assert not is_expired(400, b"ExpiredToken")


@given(st.integers(100, 599), st.binary(max_size=60))
def test_whatever_is_answered_grants_or_does_not(status: int, body: bytes) -> None:
    for answer in (of_sts(status, body, 0.0), of_container(status, body, 0.0)):
        assert isinstance(answer, AwsGranted | Refused)
