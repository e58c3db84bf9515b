"""What is written of a failure is complete, bounded, readable and holds no secret."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.dead_letter import DeadLetterPolicy, Detail, Failure, of_event, write_down
from processor.errors import EventError
from processor.model import Partition, Record, RecordHeaders
from tests.builders import FIRST, record, request, response

POLICY = DeadLetterPolicy("crm", "webhooks-crm", "1.2.3")
FAILURE = Failure(
    code="refused",
    message="the endpoint answered 400",
    stage="TASK_PUT",
    error_class="processor.model.Response",
    attempts=2,
    first_attempt=1_700_000_000.0,
    last_attempt=1_700_000_001.5,
    request=request("https://h.example/base?token=1"),
    response=response(400, body=b"no"),
)
SUBJECT = record(
    7, b"key", b'{"a":1}', headers=(("own", b"\xff"), ("none", None)), timestamp=1_600_000_000.123
)

COORDINATES = {
    "__connect.errors.topic": "events",
    "__connect.errors.partition": "0",
    "__connect.errors.offset": "7",
    "__webhook_processor.error.code": "refused",
}
SHORT = COORDINATES | {
    "__connect.errors.connector.name": "webhooks-crm",
    "__connect.errors.task.id": "0",
    "__connect.errors.stage": "TASK_PUT",
    "__connect.errors.class.name": "processor.delivery.Delivery",
    "__connect.errors.exception.class.name": "processor.model.Response",
    "__webhook_processor.status": "400",
    "__webhook_processor.attempts": "2",
    "__webhook_processor.first_attempt": "2023-11-14T22:13:20.000+00:00",
    "__webhook_processor.last_attempt": "2023-11-14T22:13:21.500+00:00",
    "__webhook_processor.timestamp": "2020-09-13T12:26:40.123+00:00",
    "__webhook_processor.destination": "crm",
    "__webhook_processor.version": "1.2.3",
}
FULL = SHORT | {
    "__connect.errors.exception.message": "refused: the endpoint answered 400",
    "__connect.errors.exception.stacktrace": "",
    "__webhook_processor.method": "POST",
    "__webhook_processor.url": "https://h.example/base",
    "__webhook_processor.response.body": "no",
}


def ours(headers: RecordHeaders) -> dict[str, str]:
    """What we wrote, as text; no name twice."""
    written = [(n, v) for n, v in headers if n.startswith(("__connect.errors.", "__webhook_processor."))]
    assert len(dict(written)) == len(written)
    return {name: value.decode() for name, value in written if value is not None}


def written(
    failure: Failure = FAILURE,
    subject: Record = SUBJECT,
    detail: Detail = Detail.FULL,
    policy: DeadLetterPolicy = POLICY,
) -> dict[str, str]:
    return ours(write_down(policy, subject, failure, detail).headers)


@pytest.mark.parametrize(
    ("detail", "expected"), [(Detail.COORDINATES, COORDINATES), (Detail.SHORT, SHORT), (Detail.FULL, FULL)]
)
def test_the_headers_are_these(detail: Detail, expected: dict[str, str]) -> None:
    assert written(detail=detail) == expected


def test_of_headers_that_could_not_be_read_word_is_left_and_of_no_timestamp_nothing() -> None:
    bare = record(3, headers=None, timestamp=None)
    headers = written(subject=bare)
    assert headers["__webhook_processor.record.headers"] == "unreadable"
    assert "__webhook_processor.timestamp" not in headers
    assert ours(write_down(POLICY, bare, FAILURE).headers) == headers


def test_everything_is_written_unless_said_otherwise() -> None:
    assert ours(write_down(POLICY, SUBJECT, FAILURE).headers) == FULL


@pytest.mark.parametrize("detail", list(Detail))
@pytest.mark.parametrize(("key", "value"), [(b"k", b"v"), (None, None), (b"", b""), (b"\xff", b"\xff" * 9)])
def test_key_value_and_headers_of_the_record_stay_as_they_are(
    detail: Detail, key: bytes | None, value: bytes | None
) -> None:
    headers: RecordHeaders = (("own", b"\xff"), ("own", None), ("", b""), ("x__connect.errors.topic", b"t"))
    letter = write_down(POLICY, record(0, key, value, headers=headers), FAILURE, detail)
    assert (letter.key, letter.value) == (key, value)
    assert letter.headers[:4] == headers
    assert len(letter.headers) > 4


@pytest.mark.parametrize("detail", list(Detail))
def test_a_dead_letter_that_fails_again_carries_only_the_newest_set(detail: Detail) -> None:
    first = write_down(POLICY, SUBJECT, FAILURE)
    again = record(3, partition=Partition("retries", 5), headers=first.headers)
    letter = write_down(POLICY, again, FAILURE._replace(code="other"), detail)
    assert letter.headers[:2] == SUBJECT.headers
    assert ours(letter.headers)["__webhook_processor.error.code"] == "other"
    assert ours(letter.headers)["__connect.errors.topic"] == "retries"
    assert len(letter.headers) - 2 == len(written(detail=detail))


def test_headers_of_an_older_version_are_taken_off_too() -> None:
    old: RecordHeaders = (("__connect.errors.gone", b"1"), ("__webhook_processor.gone", None))
    assert written(subject=record(headers=old)).keys() == FULL.keys()


# Failures of several kinds


@pytest.mark.parametrize(
    ("code", "stage"),
    [
        ("invalid_event", "VALUE_CONVERTER"),
        ("tombstone", "VALUE_CONVERTER"),
        ("invalid_header", "TRANSFORMATION"),
        ("invalid_url", "TRANSFORMATION"),
        ("endpoint_not_allowed", "TRANSFORMATION"),
    ],
)
def test_an_event_that_cannot_be_sent_failed_before_any_attempt(code: str, stage: str) -> None:
    headers = written(of_event(EventError(code, "what is wrong")))
    assert headers["__webhook_processor.error.code"] == code
    assert headers["__connect.errors.stage"] == stage
    assert headers["__connect.errors.exception.class.name"] == "processor.errors.EventError"
    assert headers["__connect.errors.exception.message"] == f"{code}: what is wrong"
    assert headers["__webhook_processor.attempts"] == "0"
    never = ("status", "first_attempt", "last_attempt", "method", "url", "response.body")
    assert not headers.keys() & {f"__webhook_processor.{name}" for name in never}


def test_a_failure_without_an_answer_has_no_status_and_no_body() -> None:
    headers = written(FAILURE._replace(response=None))
    missing = {"__webhook_processor.status", "__webhook_processor.response.body"}
    assert headers.keys() == FULL.keys() - missing


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000+00:00"),
        (-0.001, "1969-12-31T23:59:59.999+00:00"),
        (253402300799.0, "9999-12-31T23:59:59.000+00:00"),
        (253402300800.0, "253402300800.0"),
        (1e18, "1e+18"),
        (-1e18, "-1e+18"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_a_time_that_is_no_date_is_written_as_a_number(timestamp: float, text: str) -> None:
    assert written(subject=record(timestamp=timestamp))["__webhook_processor.timestamp"] == text
    assert written(FAILURE._replace(last_attempt=timestamp))["__webhook_processor.last_attempt"] == text


@given(st.floats())
def test_any_time_can_be_written(timestamp: float) -> None:
    text = written(subject=record(timestamp=timestamp))["__webhook_processor.timestamp"]
    assert text == str(timestamp) or datetime.fromisoformat(text).tzinfo == UTC


# Secrets


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://h.example/a?token=s3cret", "https://h.example/a"),
        ("https://me:s3cret@h.example/a", "https://h.example/a"),
        ("https://h.example:8443/a#s3cret", "https://h.example:8443/a"),
        ("http://[::1]:80/a?s3cret", "http://[::1]:80/a"),
        ("https://h.example/a;b/c%20d", "https://h.example/a;b/c%20d"),
    ],
)
def test_a_url_is_written_without_query_and_user_info(url: str, bare: str) -> None:
    assert written(FAILURE._replace(request=request(url)))["__webhook_processor.url"] == bare


def test_headers_and_body_of_the_request_are_not_written() -> None:
    sent = request()._replace(headers=(("Authorization", "s3cret"),), body=b"s3cret")
    assert "s3cret" not in str(written(FAILURE._replace(request=sent)))


def test_secrets_are_struck_out_of_what_came_back() -> None:
    policy = DeadLetterPolicy("crm", "group", "1", ("Bearer s3cret", "s3cret"))
    failure = FAILURE._replace(
        message="s3cret refused",
        request=request("https://h.example/s3cret/x"),
        response=response(401, body=b"you sent Bearer s3cret, s3crets3cret"),
    )
    headers = written(failure, policy=policy)
    assert headers["__connect.errors.exception.message"] == "refused: *** refused"
    assert headers["__webhook_processor.url"] == "https://h.example/***/x"
    assert headers["__webhook_processor.response.body"] == "you sent ***, ******"


@given(st.integers(4080, 4100))
def test_a_secret_across_the_limit_is_struck_out_and_not_cut(length: int) -> None:
    policy = DeadLetterPolicy("crm", "group", "1", ("s3cret",))
    body = b"x" * length + b"s3cret" + b"y" * 20
    text = written(FAILURE._replace(response=response(401, body=body)), policy=policy)[
        "__webhook_processor.response.body"
    ]
    assert text == ("x" * length + "***" + "y" * 20)[:4096]


# Bounds

any_text = st.text(st.characters(exclude_categories=()))
long_texts = st.sampled_from(["", "a", "ü", "😀", "\ud800", "\0"]).map(lambda text: text * 20_000) | any_text
bodies = (
    st.sampled_from([b"", b"\xff", "ü".encode(), "😀".encode(), b"\xf0\x9f"]).map(lambda part: part * 20_000)
    | st.binary()
)
failures = st.builds(
    Failure,
    code=st.sampled_from(["refused", "invalid_event", "retries_exhausted"]),
    message=long_texts,
    stage=st.just("TASK_PUT"),
    error_class=st.just("processor.errors.EventError"),
    attempts=st.integers(0, 10**9),
    first_attempt=st.none() | st.floats(),
    last_attempt=st.none() | st.floats(),
    request=st.none() | long_texts.map(lambda path: request(f"https://h.example/{path}")),
    response=st.none() | st.builds(response, st.integers(100, 999), st.none(), bodies),
)
secrets = st.lists(st.text(min_size=1, max_size=3), max_size=3).map(tuple)


@given(failures, st.sampled_from(Detail), secrets)
def test_what_we_write_is_text_and_stays_below_12_kib(
    failure: Failure, detail: Detail, struck: tuple[str, ...]
) -> None:
    subject = record(2**63, partition=Partition("t" * 249, 2**31))
    policy = DeadLetterPolicy("d" * 249, "g" * 255, "1.2.3.dev4+abcdef", struck)
    letter = write_down(policy, subject, failure, detail)
    assert sum(len(name) + len(value or b"") for name, value in letter.headers) < 12 * 1024
    assert ours(letter.headers).keys() >= COORDINATES.keys()


@pytest.mark.parametrize("detail", list(Detail))
def test_not_even_names_without_end_make_it_longer(detail: Detail) -> None:
    endless = "ü" * 100_000
    policy = DeadLetterPolicy(endless, endless, endless)
    failure = Failure(
        endless, endless, endless, endless, 1, 0.0, 0.0, request(), response(body=b"x" * 100_000)
    )
    letter = write_down(policy, record(), failure, detail)
    assert sum(len(name) + len(value or b"") for name, value in letter.headers) < 12 * 1024
    assert ours(letter.headers)["__connect.errors.topic"] == FIRST.topic


@pytest.mark.parametrize(("character", "kept"), [("x", 4096), ("ü", 2048), ("€", 1365), ("😀", 1024)])
def test_a_long_text_is_cut_between_two_characters(character: str, kept: int) -> None:
    answer = response(400, body=(character * 5000).encode())
    headers = written(FAILURE._replace(message=character * 5000, response=answer))
    assert headers["__webhook_processor.response.body"] == character * kept
    assert 1021 <= len(headers["__connect.errors.exception.message"].encode()) <= 1024


def test_bytes_that_are_no_text_are_written_as_replacement_characters() -> None:
    headers = written(FAILURE._replace(response=response(400, body=b"a\xffb\xc3")))
    assert headers["__webhook_processor.response.body"] == "a\ufffdb\ufffd"


def test_a_letter_can_be_written_with_less_step_by_step() -> None:
    assert [Detail(detail) for detail in (2, 1, 0)] == [Detail.FULL, Detail.SHORT, Detail.COORDINATES]
    sizes = [len(str(written(detail=detail))) for detail in sorted(Detail)]
    assert sizes == sorted(set(sizes))
