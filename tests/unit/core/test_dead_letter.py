"""What is written of a failure is complete, bounded, readable and holds no secret."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.dead_letter import (
    CONNECT,
    REDELIVERIES,
    UNTOLD_SECONDS,
    DeadLetterPolicy,
    Detail,
    Failure,
    Form,
    has_other_time,
    lesser,
    of_event,
    oldest_time,
    was_letter,
    write_down,
)
from processor.core.redaction import Secrets
from processor.core.request.signing.ids import CARRIED, Ids
from processor.errors import EventError
from processor.model import Partition, Record, RecordHeaders
from tests.support.builders import FIRST, record, request, response

POLICY = DeadLetterPolicy("crm", "webhooks-crm", "1.2.3")
FAILURE = Failure(
    code="refused",
    message="the endpoint answered 400",
    stage="TASK_PUT",
    error_class="webhook_processor.Response",
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
    "__connect.errors.class.name": "webhook_processor.Delivery",
    "__connect.errors.exception.class.name": "webhook_processor.Response",
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
    return ours(write_down(policy, subject, failure, Form(detail)).headers)


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
    letter = write_down(POLICY, record(0, key, value, headers=headers), FAILURE, Form(detail))
    assert (letter.key, letter.value) == (key, value)
    assert letter.headers[:4] == headers
    assert len(letter.headers) > 4


@pytest.mark.parametrize("detail", list(Detail))
def test_a_dead_letter_that_fails_again_keeps_where_it_stood_first_and_why_it_failed(detail: Detail) -> None:
    first = write_down(POLICY, SUBJECT, FAILURE)
    letter = write_down(POLICY, headed(first.headers), FAILURE._replace(code="other"), Form(detail))
    connect = [each for each in first.headers if each[0].startswith("__connect.errors.")]
    assert list(letter.headers[: 2 + len(connect)]) == [*(SUBJECT.headers or ()), *connect]
    told = ours(letter.headers)
    assert told["__webhook_processor.error.code"] == "other"
    assert told["__webhook_processor.first.error.code"] == "refused"
    where = [told[f"__webhook_processor.{name}"] for name in ("topic", "partition", "offset")]
    assert where == ["retries", "5", "3"]
    third = write_down(POLICY, headed(letter.headers), FAILURE._replace(code="third"), Form(detail))
    assert len(third.headers) == len(letter.headers)
    assert ours(third.headers)["__webhook_processor.first.error.code"] == "refused"
    assert ours(third.headers)["__connect.errors.topic"] == "events"


def headed(headers: RecordHeaders) -> Record:
    """A letter that is read again."""
    return record(3, b"key", b'{"a":1}', partition=Partition("retries", 5), headers=headers)


def test_the_newest_message_of_a_letter_that_failed_again_stands_in_a_header_of_ours() -> None:
    first = write_down(POLICY, SUBJECT, FAILURE)
    told = written(FAILURE._replace(message="the endpoint answered 422"), headed(first.headers))
    assert told["__webhook_processor.error.message"] == "refused: the endpoint answered 422"
    assert told["__connect.errors.exception.message"] == "refused: the endpoint answered 400"


@pytest.mark.parametrize("form", [*map(Form, Detail), Form(Detail.COORDINATES, has_value=False)])
def test_a_letter_carries_the_id_of_its_event_through_every_failure(form: Form) -> None:
    policy = replace(POLICY, ids=Ids(), may_reduce=True)
    first = write_down(policy, SUBJECT, FAILURE, form)
    said = dict(first.headers)[CARRIED]
    assert said == b"events-0-7-1600000000123"
    for later in (policy, POLICY, replace(POLICY, ids=Ids("ce_id", are_said=True))):
        again = write_down(later, headed(first.headers), FAILURE, form)
        assert [value for name, value in again.headers if name == CARRIED] == [said]


def test_a_letter_carries_the_id_that_the_event_said_and_none_that_it_may_say_yet() -> None:
    policy = replace(POLICY, ids=Ids(are_said=True))
    sent = request("https://h.example/base")._replace(id="m-1")
    assert dict(write_down(policy, SUBJECT, FAILURE._replace(request=sent)).headers)[CARRIED] == b"m-1"
    assert CARRIED not in dict(write_down(policy, SUBJECT, FAILURE._replace(request=None)).headers)


def test_what_another_connector_wrote_is_kept_byte_for_byte() -> None:
    foreign: RecordHeaders = (
        ("__connect.errors.topic", b"t"),
        ("__connect.errors.exception.stacktrace", b"\xff" * 20_000),
        ("__connect.errors.own", None),
        ("__connect.errors.own", b"2"),
    )
    letter = write_down(POLICY, headed(foreign), FAILURE)
    assert letter.headers[:4] == foreign
    assert not [name for name, _ in letter.headers[4:] if name.startswith("__connect.errors.")]
    assert "__webhook_processor.first.error.code" not in dict(letter.headers)


def test_headers_of_ours_that_an_older_version_wrote_are_replaced() -> None:
    old: RecordHeaders = (("__webhook_processor.gone", None), ("__webhook_processor.status", b"500"))
    assert written(subject=record(headers=old)).keys() == FULL.keys()


def test_a_letter_has_the_time_of_its_record_unless_that_is_not_wanted_or_not_taken() -> None:
    assert write_down(POLICY, SUBJECT, FAILURE).timestamp == SUBJECT.timestamp
    assert write_down(POLICY, SUBJECT, FAILURE, Form(has_time=False)).timestamp is None
    assert write_down(replace(POLICY, keeps_time=False), SUBJECT, FAILURE).timestamp is None


# What can never be written

MAY = replace(POLICY, may_reduce=True)
LARGE = record(7, b"key", b"x" * 5000, headers=(("own", b"y" * 5000),))


def forms(policy: DeadLetterPolicy, subject: Record, reason: str) -> list[Form]:
    """All that is tried while the broker refuses for one reason."""
    found = [Form()]
    while (form := lesser(policy, subject, found[-1], reason)) is not None:
        found.append(form)
    return found


def test_a_letter_that_is_too_large_loses_our_headers_and_its_value_only_where_the_policy_says_so() -> None:
    details = [Form(Detail.FULL), Form(Detail.SHORT), Form(Detail.COORDINATES)]
    assert forms(POLICY, LARGE, "too_large") == details
    assert forms(MAY, LARGE, "too_large") == [*details, Form(Detail.COORDINATES, has_value=False)]


def test_a_letter_without_its_value_tells_where_it_lies_and_what_it_was() -> None:
    letter = write_down(MAY, LARGE, FAILURE, Form(Detail.COORDINATES, has_value=False))
    assert (letter.key, letter.value) == (b"key", None)
    assert ours(letter.headers) == COORDINATES | {
        "__webhook_processor.value.size": "5000",
        "__webhook_processor.value.sha256": sha256(b"x" * 5000).hexdigest(),
    }
    assert len(letter.headers) == len(ours(letter.headers))


def test_a_letter_without_its_value_keeps_where_it_stood_first() -> None:
    subject = headed(write_down(POLICY, SUBJECT, FAILURE).headers)
    told = ours(write_down(MAY, subject, FAILURE, Form(Detail.COORDINATES, has_value=False)).headers)
    assert (told["__connect.errors.topic"], told["__webhook_processor.topic"]) == ("events", "retries")
    nothing = write_down(MAY, record(value=None), FAILURE, Form(has_value=False)).headers
    assert "__webhook_processor.value.size" not in dict(nothing)


@pytest.mark.parametrize("key", [b"k" * 5000, None])
def test_a_key_is_made_of_coordinates_where_there_is_none_or_no_room_for_it(key: bytes | None) -> None:
    assert write_down(MAY, record(7, key), FAILURE, Form(has_made_key=True)).key == b"events/0/7"
    reduced = write_down(MAY, record(7, key), FAILURE, Form(has_value=False))
    assert reduced.key == (key and b"events/0/7")


def test_for_want_of_a_key_one_is_made_only_where_the_policy_says_so_and_the_value_is_kept() -> None:
    keyless = record(7, None, b"{}")
    timeless = Form(has_time=False)
    assert forms(POLICY, keyless, "invalid_record") == [Form(), timeless]
    assert forms(MAY, keyless, "invalid_record") == [Form(), timeless, timeless._replace(has_made_key=True)]
    assert forms(MAY, LARGE, "invalid_record") == [Form(), timeless]
    now = replace(MAY, keeps_time=False)
    assert forms(now, keyless, "invalid_record") == [Form(), Form(has_made_key=True)]
    assert write_down(MAY, keyless, FAILURE, Form(has_made_key=True)).value == b"{}"


def test_a_time_that_the_topic_does_not_take_is_left_to_it() -> None:
    assert forms(POLICY, SUBJECT, "invalid_timestamp") == [Form(), Form(has_time=False)]
    assert forms(POLICY, record(timestamp=None), "invalid_timestamp") == [Form()]
    assert forms(MAY, SUBJECT, "timed_out") == [Form()]


@pytest.mark.parametrize(
    ("kept", "oldest"), [(7200.0, 6400.0), (None, 10_000 - UNTOLD_SECONDS / 2), (math.inf, -math.inf)]
)
def test_a_letter_whose_time_would_leave_less_than_half_of_the_retention_has_the_present_one(
    kept: float | None, oldest: float
) -> None:
    assert oldest_time(kept, 10_000.0) == oldest
    bound = SUBJECT.timestamp
    assert bound is not None
    for limit, policy, subject, found, is_other in (
        (bound, POLICY, SUBJECT, bound, False),
        (bound + 0.001, POLICY, SUBJECT, None, True),
        (bound + 0.001, replace(POLICY, keeps_time=False), SUBJECT, None, False),
        (bound, POLICY, record(timestamp=None), None, False),
    ):
        letter = write_down(policy, subject, FAILURE, oldest=limit)
        assert (letter.timestamp, has_other_time(policy, subject, letter)) == (found, is_other)


# Failures of several kinds


@pytest.mark.parametrize(
    ("code", "stage"),
    [
        ("invalid_event", "VALUE_CONVERTER"),
        ("tombstone", "VALUE_CONVERTER"),
        ("invalid_schema", "VALUE_CONVERTER"),
        ("unknown_schema", "VALUE_CONVERTER"),
        ("invalid_header", "TRANSFORMATION"),
        ("invalid_url", "TRANSFORMATION"),
        ("endpoint_not_allowed", "TRANSFORMATION"),
    ],
)
def test_an_event_that_cannot_be_sent_failed_before_any_attempt(code: str, stage: str) -> None:
    headers = written(of_event(EventError(code, "what is wrong")))
    assert headers["__webhook_processor.error.code"] == code
    assert headers["__connect.errors.stage"] == stage
    assert headers["__connect.errors.exception.class.name"] == "webhook_processor.EventError"
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
    policy = DeadLetterPolicy("crm", "group", "1", Secrets(("Bearer s3cret", "s3cret")))
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
    policy = DeadLetterPolicy("crm", "group", "1", Secrets(("s3cret",)))
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
    error_class=st.just("webhook_processor.EventError"),
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
    policy = DeadLetterPolicy("d" * 249, "g" * 255, "1.2.3.dev4+abcdef", Secrets(struck))
    letter = write_down(policy, subject, failure, Form(detail))
    assert sum(len(name) + len(value or b"") for name, value in letter.headers) < 12 * 1024
    assert ours(letter.headers).keys() >= COORDINATES.keys()


@pytest.mark.parametrize("detail", list(Detail))
def test_not_even_names_without_end_make_it_longer(detail: Detail) -> None:
    endless = "ü" * 100_000
    policy = DeadLetterPolicy(endless, endless, endless)
    failure = Failure(
        endless, endless, endless, endless, 1, 0.0, 0.0, request(), response(body=b"x" * 100_000)
    )
    letter = write_down(policy, record(), failure, Form(detail))
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


@pytest.mark.parametrize(
    ("headers", "was"),
    [
        (None, False),
        ((), False),
        ((("errors", b"x"),), False),
        (((CONNECT + "topic", b"events"),), True),
        ((("a", b""), (REDELIVERIES, b"1")), True),
    ],
)
def test_what_comes_from_a_dead_letter_topic_is_known_by_its_headers(
    headers: RecordHeaders | None, *, was: bool
) -> None:
    assert was_letter(record(headers=headers)) is was
