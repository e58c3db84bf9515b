"""Only what was delivered is done, what cannot succeed is not repeated, and no wait is without bounds."""

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.retry import (
    Again,
    Effort,
    Never,
    Reading,
    Reason,
    RetryPolicy,
    Verdict,
    backoff,
    is_for_want_of_proof,
    judge,
    of_its_own,
    read,
    seconds_from,
)
from processor.errors import TransportError
from processor.model import Answer, Headers, Quota, Response, Signal
from tests.support.builders import response

NOW = 1_700_000_000.0
POLICY = RetryPolicy()
UNREACHABLE = ["connect", "dns", "tls", "certificate", "blocked"]
ENDLESS = replace(POLICY, max_attempts=None, max_elapsed=None)


def spent(attempts: int, elapsed: float) -> Effort:
    """So many attempts, all held against the record, in so many seconds."""
    return Effort(attempts, attempts, elapsed)


FIRST = spent(1, 0.0)

chances = st.floats(0.0, 1.0)
attempts = st.integers(1, 10_000)


@pytest.fixture(params=["UTC0", "JST-9", "PST8"])
def machine_elsewhere(request: pytest.FixtureRequest) -> Iterator[None]:
    """This machine's clock shows another time zone."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


def verdict(
    answer: Answer, policy: RetryPolicy = POLICY, effort: Effort = FIRST, chance: float = 0.0
) -> Verdict:
    return judge(policy, answer, read(policy, answer, NOW), effort, chance=chance)


def asked_to_wait(retry_after: str | None, status: int = 429, chance: float = 0.0) -> float:
    again = verdict(response(status, retry_after), chance=chance)
    assert isinstance(again, Again)
    return again.after


def test_every_2xx_is_delivered() -> None:
    assert {read(POLICY, response(status), NOW).sign for status in range(200, 300)} == {Signal.DELIVERED}


def test_what_may_pass_is_tried_again() -> None:
    for status in (408, 425, 429, *range(500, 600)):
        assert verdict(response(status)) == Again(0.0), status


@pytest.mark.parametrize(
    "status", [*range(100, 104), *range(300, 309), 400, 402, 403, 404, 410, 422, 600, 999, 0]
)
def test_redirects_and_refusals_are_final(status: int) -> None:
    assert verdict(response(status, "5")) == Never(Reason.REFUSED)


@pytest.mark.parametrize(
    "reason",
    ["connect", "dns", "tls", "certificate", "reset", "connect_timeout", "answer_timeout", "malformed"],
)
def test_no_answer_is_tried_again(reason: str) -> None:
    assert verdict(TransportError(reason, "")) == Again(0.0)


def test_the_policy_says_which_answers_mean_what() -> None:
    policy = replace(POLICY, delivered_statuses=frozenset({204}), retried_statuses=frozenset({200, 204}))
    assert read(policy, response(204), NOW).sign is Signal.DELIVERED
    assert verdict(response(200), policy) == Again(0.0)
    assert verdict(response(503), policy) == Never(Reason.REFUSED)


# Giving up


@pytest.mark.parametrize("answer", [response(503), response(429, "1"), TransportError("connect", "")])
def test_after_the_last_attempt_a_record_is_given_up(answer: Answer) -> None:
    policy = replace(POLICY, max_attempts=3)
    assert isinstance(verdict(answer, policy, spent(2, 0.0)), Again)
    assert verdict(answer, policy, spent(3, 0.0)) == Never(Reason.RETRIES_EXHAUSTED)
    assert verdict(answer, policy, spent(4, 0.0)) == Never(Reason.RETRIES_EXHAUSTED)


def test_a_record_is_given_up_when_the_next_attempt_would_come_too_late() -> None:
    policy = replace(POLICY, max_elapsed=100.0)
    assert verdict(response(503, "40"), policy, spent(1, 60.0)) == Again(40.0)
    assert verdict(response(503, "41"), policy, spent(1, 60.0)) == Never(Reason.RETRIES_EXHAUSTED)


@given(st.lists(st.floats(0.3, 1.0), min_size=1, max_size=50))
def test_by_default_time_alone_ends_the_tries_whatever_chance_makes_of_the_waits(
    chances: list[float],
) -> None:
    attempts, elapsed = 1, 0.0
    for chance in cycle(chances):
        found = verdict(response(503), effort=spent(attempts, elapsed), chance=chance)
        if not isinstance(found, Again):
            break
        attempts, elapsed = attempts + 1, elapsed + found.after
    assert 3 * 3600.0 - POLICY.max_backoff < elapsed <= 3 * 3600.0


def test_without_limits_a_record_is_never_given_up() -> None:
    assert isinstance(verdict(response(503), ENDLESS, spent(10**9, 1e12), 1.0), Again)


def test_the_last_attempt_may_still_be_refused() -> None:
    much = spent(10**6, 1e9)
    assert verdict(response(400), effort=much) == Never(Reason.REFUSED)


def test_an_attempt_that_was_no_fault_of_the_record_ends_nothing() -> None:
    much = spent(10**6, 1e9)._replace(is_spared=True)
    assert isinstance(verdict(response(503), effort=much), Again)


def test_a_record_older_than_its_age_limit_is_not_tried_again() -> None:
    policy = replace(ENDLESS, max_age=100.0)
    assert verdict(response(503, "40"), policy, FIRST._replace(age=60.0)) == Again(40.0)
    assert verdict(response(503, "41"), policy, FIRST._replace(age=60.0)) == Never(Reason.RETRIES_EXHAUSTED)


def test_a_record_whose_age_is_not_known_is_not_given_up_by_its_age() -> None:
    policy = replace(ENDLESS, max_age=100.0)
    assert verdict(response(503, "300"), policy, FIRST._replace(age=None)) == Again(300.0)


def test_an_address_that_may_not_be_spoken_to_ends_an_event_that_chose_it_and_no_other() -> None:
    blocked = TransportError("blocked", "")
    assert verdict(blocked, effort=FIRST._replace(is_foreign=True)) == Never(Reason.ENDPOINT_NOT_ALLOWED)
    assert isinstance(verdict(blocked), Again)


# What an answer tells of the endpoint


NGINX = b"<html>\r\n<head><title>400 %b</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>"
CERTIFICATES = [b"No required SSL certificate was sent", b"The SSL certificate error"]


@pytest.mark.parametrize("words", CERTIFICATES)
def test_a_400_for_want_of_a_certificate_is_a_refusal_of_us(words: bytes) -> None:
    assert read(POLICY, response(400, body=NGINX % words), NOW).sign is Signal.CREDENTIALS


@pytest.mark.parametrize("words", CERTIFICATES)
def test_one_that_only_repeats_such_words_of_an_event_is_none(words: bytes) -> None:
    repeated = b'{"error": "cannot use \'%b\'"}' % (NGINX % words)
    assert read(POLICY, response(400, body=repeated), NOW).sign is Signal.REFUSED
    assert read(POLICY, response(403, body=NGINX % words), NOW).sign is Signal.REFUSED


def test_a_refusal_of_us_is_tried_again_whatever_the_number_of_attempts_and_ends_by_time_alone() -> None:
    policy = replace(POLICY, max_attempts=1, max_elapsed=60.0)
    assert verdict(response(401), policy, Effort(9, 0, 59.0)) == Again(0.0)
    assert verdict(response(401), policy, Effort(9, 0, 61.0)) == Never(Reason.RETRIES_EXHAUSTED)
    assert verdict(response(401), policy, Effort(9, 0, 61.0, is_spared=True)) == Again(0.0)


def test_which_answers_refuse_us_is_said_and_comes_before_what_is_tried_again() -> None:
    policy = replace(POLICY, credential_statuses=frozenset({403, 503}))
    signs = [read(policy, response(status), NOW).sign for status in (401, 403, 503)]
    assert signs == [Signal.REFUSED, Signal.CREDENTIALS, Signal.CREDENTIALS]


def test_an_event_that_says_who_sends_answers_for_it_but_not_for_a_token_that_is_lacking() -> None:
    assert of_its_own(Reading(Signal.CREDENTIALS), response(401)).sign is Signal.REFUSED
    lacking = TransportError("credentials", "")
    assert of_its_own(Reading(Signal.CREDENTIALS), lacking).sign is Signal.CREDENTIALS
    assert is_for_want_of_proof(lacking)
    assert not is_for_want_of_proof(response(401))
    assert not is_for_want_of_proof(TransportError("client_certificate", ""))
    assert of_its_own(Reading(Signal.NO_ANSWER), response(408)).sign is Signal.NO_ANSWER


@pytest.mark.parametrize(
    ("answer", "sign"),
    [
        (response(204), Signal.DELIVERED),
        (response(302), Signal.REFUSED),
        (response(401), Signal.CREDENTIALS),
        (response(407), Signal.CREDENTIALS),
        (response(403), Signal.REFUSED),
        (response(400), Signal.REFUSED),
        (TransportError("credentials", ""), Signal.CREDENTIALS),
        (TransportError("client_certificate", ""), Signal.CREDENTIALS),
        (response(408), Signal.SERVER_ERROR),
        (response(500), Signal.SERVER_ERROR),
        (response(429), Signal.THROTTLED),
        *((TransportError(reason, ""), Signal.UNREACHABLE) for reason in UNREACHABLE),
        *(
            (TransportError(reason, ""), Signal.NO_ANSWER)
            for reason in ("reset", "connect_timeout", "answer_timeout", "malformed")
        ),
    ],
)
def test_an_answer_tells_whether_the_endpoint_works(answer: Answer, sign: Signal) -> None:
    assert read(POLICY, answer, NOW).sign is sign


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (response(429, "7"), 7.0),
        (response(503, "1e9"), 300.0),
        (response(503, "-1"), 0.0),
        (response(503, "soon"), None),
        (response(503), None),
        (response(500, "7"), None),
        (response(400, "7"), None),
        (TransportError("reset", ""), None),
    ],
)
def test_a_pause_is_followed_on_429_and_503_up_to_a_limit(answer: Answer, seconds: float | None) -> None:
    assert read(POLICY, answer, NOW).pause == seconds


def test_no_pause_is_followed_on_a_status_that_is_final() -> None:
    assert read(replace(POLICY, retried_statuses=frozenset()), response(429, "7"), NOW).pause is None


# Waiting


def test_the_ceiling_of_the_wait_doubles_up_to_its_maximum() -> None:
    assert [backoff(0.5, 60.0, number, 1.0) for number in range(1, 10)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


@given(attempts, chances)
def test_the_wait_is_spread_evenly_below_its_ceiling(number: int, chance: float) -> None:
    wait = backoff(0.5, 60.0, number, chance)
    assert 0.0 <= wait <= 60.0
    assert wait == chance * backoff(0.5, 60.0, number, 1.0)


@given(attempts, chances, st.none() | st.text() | st.floats().map(str))
def test_no_wait_is_negative_or_beyond_what_the_policy_allows(
    number: int, chance: float, retry_after: str | None
) -> None:
    again = verdict(response(503, retry_after), ENDLESS, spent(number, 0.0), chance)
    assert isinstance(again, Again)
    assert 0.0 <= again.after <= POLICY.max_retry_after + POLICY.initial_backoff


@given(st.floats(0.0, 300.0), chances, attempts)
def test_it_is_never_tried_sooner_than_asked_and_only_a_little_later(
    seconds: float, chance: float, number: int
) -> None:
    again = verdict(response(429, str(seconds)), ENDLESS, spent(number, 0.0), chance)
    assert isinstance(again, Again)
    assert seconds <= again.after <= seconds + POLICY.initial_backoff


def test_the_jitter_spreads_those_who_were_asked_to_wait() -> None:
    assert asked_to_wait("5", chance=1.0) == 5.5
    assert asked_to_wait("5", chance=0.5) == 5.25


@pytest.mark.parametrize("status", [429, 503])
def test_a_wish_is_honoured_where_it_means_something(status: int) -> None:
    assert asked_to_wait("7", status) == 7.0


@pytest.mark.parametrize("status", [408, 425, 500, 502, 504])
def test_a_wish_is_ignored_elsewhere(status: int) -> None:
    assert asked_to_wait("7", status) == 0.0


def test_a_wish_beyond_all_measure_is_capped() -> None:
    assert asked_to_wait("1e9") == POLICY.max_retry_after
    assert asked_to_wait("99999999999999") == POLICY.max_retry_after
    assert asked_to_wait(formatdate(NOW + 1e8, usegmt=True)) == POLICY.max_retry_after


def test_a_wish_without_a_meaning_is_no_wish() -> None:
    assert asked_to_wait("soon", chance=1.0) == POLICY.initial_backoff
    assert asked_to_wait("", chance=1.0) == asked_to_wait(None, chance=1.0) == POLICY.initial_backoff


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("5", 5.0),
        ("1.5", 1.5),
        (" 5 ", 5.0),
        ("-1", 0.0),
        ("-1e300", 0.0),
        ("1e9", 1e9),
    ],
)
def test_a_number_is_seconds_and_none_is_negative(text: str, seconds: float) -> None:
    assert seconds_from(text, NOW) == seconds


@pytest.mark.parametrize(
    "date",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 -0000",
        "Sun, 06 Nov 1994 09:49:37 +0100",
    ],
)
@pytest.mark.usefixtures("machine_elsewhere")
def test_a_date_is_read_in_every_form_of_http_wherever_this_machine_stands(date: str) -> None:
    assert seconds_from(date, 784_111_777.0 - 30.0) == 30.0


def test_a_date_in_the_past_is_now() -> None:
    assert seconds_from("Sun, 06 Nov 1994 08:49:37 GMT", NOW) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ",",
        "soon",
        "5s",
        "5, 10",
        "0x10",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "9" * 10_000,
        "x" * 10_000,
        "Sun, 06 Nov",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 99:99:99 GMT",
        "1 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2024 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 0099 00:00:00 +9959",
    ],
)
def test_what_is_neither_a_number_nor_a_date_means_nothing(text: str) -> None:
    assert seconds_from(text, NOW) is None


def told(remaining: int, reset: float) -> Headers:
    """Header fields that say so."""
    return (("ratelimit", f"a;r={remaining};t={reset}"),)


@pytest.mark.parametrize(
    ("status", "retry_after", "fields", "pause"),
    [
        (429, None, told(0, 40), 40.0),
        (503, None, told(0, 4000), 300.0),
        (429, "7", told(0, 40), 7.0),
        (429, "soon", told(0, 40), 40.0),
        (429, None, told(1, 40), None),
        (429, None, told(0, 1), None),
        (500, None, told(0, 40), None),
    ],
)
def test_a_refusal_that_says_nothing_is_left_asks_for_a_pause_until_there_is(
    status: int, retry_after: str | None, fields: Headers, pause: float | None
) -> None:
    answer = Response(status, retry_after, b"", fields)
    assert read(POLICY, answer, NOW).pause == pause
    ignored = read(replace(POLICY, rate_limit_hints=False), answer, NOW)
    assert ignored.pause == (7.0 if retry_after == "7" else None)
    assert ignored.quota is None


def test_what_is_delivered_says_what_is_left() -> None:
    answer = Response(200, None, b"", told(5, 40))
    assert read(POLICY, answer, NOW) == Reading(Signal.DELIVERED, None, Quota(5, 40.0))
    assert read(replace(POLICY, rate_limit_hints=False), answer, NOW).quota is None


def test_a_conflict_that_is_tried_again_asks_to_leave_this_event_alone_and_no_other() -> None:
    assert verdict(response(409, "7")) == Never(Reason.REFUSED)
    policy = replace(POLICY, retried_statuses=POLICY.retried_statuses | {409})
    reading = read(policy, Response(409, "7", b""), NOW)
    assert (reading.sign, reading.pause, reading.wait) == (Signal.SERVER_ERROR, None, 7.0)
    assert verdict(response(409, "7"), policy) == Again(7.0)
    assert read(policy, Response(500, "7", b""), NOW).wait is None


dates = st.lists(
    st.sampled_from(
        ["Sun,", "06", "Nov", "1994", "0", "08:49:37", "GMT", "+9999", "-0000", "99999", ":", ",", "-"]
    ),
    max_size=7,
).map(" ".join)


@given(st.text() | dates | st.floats().map(str))
def test_any_text_means_a_finite_number_of_seconds_or_nothing(text: str) -> None:
    seconds = seconds_from(text, NOW)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0.0)


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (Reason.REFUSED, "refused"),
        (Reason.RETRIES_EXHAUSTED, "retries_exhausted"),
        (Reason.ENDPOINT_NOT_ALLOWED, "endpoint_not_allowed"),
    ],
)
def test_a_reason_is_a_word_that_stands_in_dead_letters(reason: Reason, word: str) -> None:
    assert reason == word
