"""What answers of a schema registry mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.record.registry.answers import (
    NOT_THERE,
    Away,
    Definition,
    Missing,
    Reference,
    Result,
    read,
)

JSON, HTML = "application/vnd.schemaregistry.v1+json", "text/html; charset=utf-8"


def test_a_schema_without_a_type_is_avro_and_what_it_refers_to_is_told() -> None:
    body = b'{"schema":"{}","references":[{"name":"a.B","subject":"b","version":3}],"more":[1]}'
    assert read(200, JSON, body) == Definition("{}", "AVRO", (Reference("a.B", "b", 3),))
    assert read(200, JSON, b'{"schema":"x","schemaType":"PROTOBUF","references":null}') == Definition(
        "x", "PROTOBUF"
    )


@pytest.mark.parametrize("code", sorted(NOT_THERE))
def test_only_its_own_error_code_says_that_a_schema_is_not_there(code: int) -> None:
    assert isinstance(read(404, JSON, b'{"error_code":%d,"message":"no"}' % code), Missing)
    for body in (b"", b"<html>", b'{"error_code":404,"message":"HTTP 404 Not Found"}', b"[]", b"\xff"):
        answer = read(404, JSON, body)
        assert isinstance(answer, Away)
        assert answer.result is Result.WRONG_PATH


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (401, Result.UNAUTHORIZED),
        (403, Result.FORBIDDEN),
        (429, Result.THROTTLED),
        (408, Result.THROTTLED),
        (302, Result.MALFORMED),
        (400, Result.MALFORMED),
        (204, Result.MALFORMED),
        (500, Result.SERVER_ERROR),
        (503, Result.SERVER_ERROR),
    ],
)
def test_every_other_status_is_the_operators(status: int, result: Result) -> None:
    answer = read(status, JSON, b'{"error_code":40403}')
    assert isinstance(answer, Away)
    assert (answer.result, f"status {status}" in answer.reason) == (result, True)


@pytest.mark.parametrize(
    ("content_type", "body", "what"),
    [
        (HTML, b"anything", "HTML"),
        ("", b" <!DOCTYPE html><html>", "HTML"),
        (JSON, b"", "nothing"),
        (JSON, b"no json", "what is not JSON"),
        (JSON, b"\xff", "what is not JSON"),
        (JSON, b"[" * 100_000, "what is not JSON"),
        (JSON, b'{"schema":7}', "other JSON"),
        (JSON, b'{"schema":"x","references":[{"name":"a"}]}', "other JSON"),
    ],
)
def test_what_answers_200_and_is_no_registry_is_told(content_type: str, body: bytes, what: str) -> None:
    answer = read(200, content_type, body)
    assert isinstance(answer, Away)
    assert answer.result is Result.MALFORMED
    assert what in answer.reason


@given(st.integers(100, 599), st.text(max_size=20), st.binary(max_size=60))
def test_whatever_is_answered_is_one_of_three_and_no_words_of_others_are_repeated(
    status: int, content_type: str, body: bytes
) -> None:
    answer = read(status, content_type, b"secret-word" + body)
    assert isinstance(answer, Definition | Missing | Away)
    assert "secret-word" not in str(answer)
