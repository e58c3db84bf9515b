"""What a report says, and how much less where the topic takes no more."""

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.dead_letter import DeadLetterPolicy, Failure, write_down
from processor.core.letters.redelivery import Verdict
from processor.core.redaction import MASK, Secrets
from processor.core.reports.report import (
    LEAST_BYTES,
    WHOLE,
    Form,
    Outcome,
    ReportPolicy,
    Settlement,
    dead_lettered,
    is_told,
    lesser,
    skipped,
    written,
)
from processor.core.request.signing.ids import CARRIED, Ids
from processor.model import Partition, Record
from tests.support.builders import record, request, response

AT = 1_790_000_000.123
DELIVERED = Settlement(
    Outcome.DELIVERED,
    attempts=2,
    first_attempt=AT,
    last_attempt=AT + 1.5,
    seconds=0.0123456,
    request=request(),
    response=response(202, body=b"ok"),
)
REFUSED = dead_lettered(
    Failure(
        "refused",
        "the endpoint answered 422",
        "TASK_PUT",
        "x",
        1,
        AT,
        AT,
        request(url="https://user:hunter2@h.example/base?token=hunter2"),
        response(422, body=b'{"why":"hunter2"}'),
    ),
    0.25,
)
POLICY = ReportPolicy("crm", body_bytes=100, secrets=Secrets(["hunter2"]))


def said(policy: ReportPolicy, one: Record, settlement: Settlement, form: Form = WHOLE) -> dict[str, Any]:
    """Its members."""
    members: dict[str, Any] = json.loads(written(policy, one, settlement, form).value or b"")
    return members


def headers(settlement: Settlement, one: Record | None = None) -> dict[str, str]:
    """Those of a report, as text."""
    found = written(POLICY, one or record(7, timestamp=AT), settlement).headers
    return {name: (value or b"").decode() for name, value in found}


def test_a_delivery_is_told_with_its_coordinates_and_what_it_took() -> None:
    assert said(ReportPolicy("crm"), record(7), DELIVERED) == {
        "id": None,
        "topic": "events",
        "partition": 0,
        "offset": 7,
        "destination": "crm",
        "outcome": "delivered",
        "reason": None,
        "status": 202,
        "attempts": 2,
        "first_attempt": "2026-09-21T14:13:20.123Z",
        "last_attempt": "2026-09-21T14:13:21.623Z",
        "latency_ms": 12.346,
    }


def test_what_a_rule_left_out_and_what_became_a_dead_letter_say_why() -> None:
    told = said(POLICY, record(7), skipped("filter"))
    assert (told["outcome"], told["reason"], told["attempts"]) == ("skipped", "filter", 0)
    assert {told[name] for name in ("status", "first_attempt", "latency_ms", "body")} == {None}
    told = said(POLICY, record(7), REFUSED)
    assert (told["outcome"], told["reason"], told["status"]) == ("dead_lettered", "refused", 422)
    assert (told["attempts"], told["latency_ms"]) == (1, 250.0)


@pytest.mark.parametrize("settlement", [DELIVERED, REFUSED, skipped("tombstone")])
@pytest.mark.parametrize("form", [WHOLE, Form(is_whole=False), Form(is_whole=False, has_made_key=True)])
def test_every_report_has_the_same_members(settlement: Settlement, form: Form) -> None:
    everything = said(POLICY, record(), DELIVERED)
    assert said(POLICY, record(), settlement, form).keys() == everything.keys()
    assert "body" not in said(ReportPolicy("crm"), record(), settlement, form)


def test_an_id_is_that_by_which_the_receiver_knows_the_event() -> None:
    carried = record(7, headers=((CARRIED, b"first-id"),))
    named = DELIVERED._replace(request=request()._replace(id="its-own"))
    ids = ReportPolicy("crm", ids=Ids(are_said=True))
    assert said(ReportPolicy("crm"), carried, DELIVERED)["id"] == "first-id"
    assert said(ids, carried, DELIVERED)["id"] == "first-id"
    assert said(ids, record(7), named)["id"] == "its-own"
    assert said(ids, record(7), skipped("filter"))["id"] is None
    assert said(ReportPolicy("crm", ids=Ids()), record(7, timestamp=AT), DELIVERED)["id"] == Ids().of(
        record(7, timestamp=AT)
    )


def test_of_a_letter_that_is_sent_again_its_record_is_told_of_by_where_and_when_that_stood_first() -> None:
    failure = Failure("refused", "no", "TASK_PUT", "x", 1, AT, AT, request())
    first = record(7, b"k", partition=Partition("orders", 3), timestamp=AT)
    letter = write_down(DeadLetterPolicy("crm", "g", "1", ids=Ids()), first, failure)
    again = Record(Partition("orders.dlq", 0), 99, letter.key, letter.value, letter.headers, AT + 9, 0)
    policy = ReportPolicy("crm", ids=Ids(), are_letters=True)
    one, other = (said(policy, each, DELIVERED) for each in (first, again))
    assert (one, other["offset"]) == (other, 7)
    assert written(policy, again, DELIVERED).headers == written(policy, first, DELIVERED).headers
    assert said(ReportPolicy("crm"), again, DELIVERED)["topic"] == "orders.dlq"
    least = written(policy, again, DELIVERED, Form(is_whole=False, has_made_key=True))
    assert least.key == b"orders/3/7"


def test_what_nobody_asked_for_is_not_told() -> None:
    failures = ReportPolicy("crm", outcomes=frozenset((Outcome.DEAD_LETTERED,)))
    assert [is_told(failures, each) for each in (DELIVERED, REFUSED, skipped("filter"))] == [
        False,
        True,
        False,
    ]


def test_a_letter_that_is_passed_over_was_told_of_when_it_became_one() -> None:
    letters = ReportPolicy("crm", are_letters=True)
    passed_over = [skipped(reason) for reason in Verdict if reason is not Verdict.SENT]
    assert not any(is_told(letters, each) for each in passed_over)
    assert all(is_told(letters, each) for each in (DELIVERED, REFUSED, skipped("filter")))
    assert all(is_told(POLICY, each) for each in (*passed_over, DELIVERED))


def test_its_key_is_the_records_and_it_has_no_time_of_its_own() -> None:
    for key in (b"k", None):
        report = written(POLICY, record(7, key, timestamp=AT), DELIVERED)
        assert (report.key, report.timestamp) == (key, None)


def test_headers_are_called_as_those_of_confluent() -> None:
    where = {
        "input_record_topic": "events",
        "input_record_partition": "0",
        "input_record_offset": "7",
        "input_record_timestamp": "1790000000123",
    }
    assert headers(DELIVERED) == where
    assert headers(skipped("filter"), record(7, timestamp=None)).keys() == where.keys() - {
        "input_record_timestamp"
    }
    assert headers(REFUSED) == where | {
        "error_message": "refused: the endpoint answered 422",
        "status_code": "422",
        "reason_phrase": HTTPStatus(422).phrase,  # which is another one in Python 3.13
        "url": "https://h.example/base",
        "response_content": f'{{"why":"{MASK}"}}',
    }
    unusable = dead_lettered(Failure("invalid_event", "is no JSON", "VALUE_CONVERTER", "x"), None)
    assert headers(unusable) == where | {"error_message": "invalid_event: is no JSON"}


def test_of_a_body_so_many_bytes_are_told_no_character_halved_and_no_secret() -> None:
    policy = ReportPolicy("crm", body_bytes=8, secrets=Secrets(["hunter2"]))
    long = DELIVERED._replace(response=response(200, body="ab€€€€".encode()))
    assert said(policy, record(), long)["body"] == "ab€€"
    secret = DELIVERED._replace(response=response(200, body=b"abc hunter2 and more"))
    assert "hunt" not in said(policy, record(), secret)["body"]
    odd = DELIVERED._replace(response=response(200, body=b"\xff\x00"))
    assert said(policy, record(), odd)["body"] == "\ufffd\x00"
    unanswered = DELIVERED._replace(response=None)
    assert said(policy, record(), unanswered)["body"] is None


TOPICS = st.from_regex(re.compile(r"[A-Za-z0-9._-]{1,249}"), fullmatch=True)


@given(TOPICS, st.integers(0, 2**63), st.binary(max_size=64), st.text(), st.binary(max_size=5000))
def test_the_least_of_a_report_is_small_whatever_it_is_about(
    topic: str, offset: int, key: bytes, message: str, body: bytes
) -> None:
    one = Record(Partition(topic, 2**31 - 1), offset, key * 20_000, None, None, 1e30, 0)
    policy = ReportPolicy("d" * 64, body_bytes=16_384, ids=Ids())
    settlement = REFUSED._replace(
        message=message, response=response(500, body=body), first_attempt=1e30, reason="r" * 40
    )
    whole = written(policy, one, settlement)
    assert json.loads(whole.value or b"")["offset"] == offset
    least = written(policy, one, settlement, Form(is_whole=False, has_made_key=True))
    assert len(least.key or b"") + len(least.value or b"") < LEAST_BYTES
    assert least.headers == ()


def forms(one: Record, answers: Callable[[Form], str | None]) -> list[Form]:
    """What is tried, until nothing else is left or it is taken."""
    tried, form = list[Form](), WHOLE
    while (reason := answers(form)) is not None:
        tried.append(form)
        less = lesser(one, form, reason)
        if less is None:
            return tried
        form = less
    return [*tried, form]


def test_less_is_written_only_where_the_topic_takes_no_more() -> None:
    least = Form(is_whole=False, has_made_key=True)
    assert forms(record(key=b"k"), lambda _: "too_large") == [WHOLE, Form(is_whole=False), least]
    assert forms(record(key=None), lambda _: "too_large") == [WHOLE, Form(is_whole=False)]
    assert forms(record(key=None), lambda _: "invalid_record") == [WHOLE, Form(has_made_key=True)]
    assert forms(record(key=b"k"), lambda _: "invalid_record") == [WHOLE]
    for reason in ("unknown_topic", "not_authorized", "timed_out", "queue_full", "broker"):
        assert lesser(record(), WHOLE, reason) is None
    assert written(POLICY, record(7, b"k"), DELIVERED, least).key == b"events/0/7"
