"""Traces as the operator says them: what is passed on, which records are followed, and what that needs."""

import json
from typing import Any

import pytest

from processor.config import loading
from processor.config.services import tracing
from processor.config.settings import Settings
from processor.core.request.tracing.sampling import SamplingPolicy
from processor.model import Request
from processor.traffic.preparation import Preparation
from tests.support.builders import prepared, record
from tests.unit.config.test_loading import env, problem
from tests.unit.core.request.tracing.test_trace_context import PARENT

REQUEST = Request("POST", "https://h.example/", (), b"{}")


def loaded(**more: str) -> Settings:
    """The smallest configuration and these variables."""
    return loading.load(None, env(**more))


def made(settings: Settings, **headers: str) -> dict[str, str]:
    """What an attempt says anew of a record with these headers."""
    one = record(headers=tuple((name, value.encode()) for name, value in headers.items()))
    headers_of = settings.attempt_headers()
    return {} if headers_of is None else dict(headers_of.make(REQUEST, one, 5.0, 1, is_foreign=False))


def test_the_trace_of_a_record_is_passed_on_unless_that_is_switched_off() -> None:
    assert made(loaded(), traceparent=PARENT)["traceparent"] == PARENT
    assert "traceparent" not in made(loaded(TRACING__PROPAGATE="false"), traceparent=PARENT)


@pytest.mark.parametrize(("propagate", "expected"), [("true", None), ("false", "of the event")])
def test_an_event_sets_no_trace_where_we_do(propagate: str, expected: str | None) -> None:
    settings = loaded(TRACING__PROPAGATE=propagate)
    event = json.dumps({"header": {"TraceParent": "of the event"}}).encode()
    result: Any = prepared(Preparation(settings.request_policy()), event)
    assert dict(result.request.headers).get("TraceParent") == expected


def test_a_trace_that_all_requests_carry_is_refused_where_we_pass_on_the_record_s() -> None:
    headers = {"DESTINATION__HEADERS": '{"TraceParent": "x"}'}
    assert "by tracing.propagate" in problem(environ=env(**headers)).message
    assert loaded(**headers, TRACING__PROPAGATE="false").destination.headers


@pytest.mark.parametrize(
    ("patterns", "sent"), [("traceparent,x-a", {"x-a"}), ("*", {"x-a"}), ("TraceParent", set())]
)
def test_what_is_passed_on_is_not_forwarded_too(patterns: str, sent: set[str]) -> None:
    settings = loaded(DESTINATION__FORWARD_HEADERS=patterns)
    preparation = Preparation(settings.request_policy(), settings.filter_policy(), settings.record_policy())
    one = record(headers=(("traceparent", PARENT.encode()), ("x-a", b"1")))
    result: Any = preparation.prepare(one, lambda *_: None)
    dropped = 0 if isinstance(result, Request) else result.dropped_headers
    request = result if isinstance(result, Request) else result.request
    assert {name for name, _ in request.headers} & {"x-a", "traceparent"} == sent
    assert dropped == 0


@pytest.mark.parametrize(
    ("said", "share"), [("parent", None), (" 0.01 ", 0.01), ("1", 1.0), ("0", 0.0), ("1e-3", 0.001)]
)
def test_sampling_is_a_word_or_a_share(said: str, share: float | None) -> None:
    assert loaded(TRACING__SAMPLING=said).tracing.sampling_policy() == SamplingPolicy(share)


@pytest.mark.parametrize("said", ["always", "1.01", "-0.1", "nan", ""])
def test_what_is_neither_is_refused(said: str) -> None:
    assert problem(environ=env(TRACING__SAMPLING=said)).path.startswith("tracing.sampling")


def test_the_file_may_say_a_share_too(tmp_path: Any) -> None:
    (tmp_path / "settings.yaml").write_text("tracing: {sampling: 0.25, parent: link}\n", encoding="utf-8")
    settings = loading.load(tmp_path / "settings.yaml", env())
    assert settings.tracing.sampling == 0.25
    assert settings.tracing.parent == "link"


def test_an_exporter_without_its_libraries_is_a_problem_with_the_remedy() -> None:
    exporting = tracing.TracingSettings(exporter="otlp_http")
    found = [each.remedy for each in tracing.lacking(exporting, lambda _: None)]
    assert found == ["install the extra: pip install kafka-webhook-processor[tracing]"]
    assert tracing.lacking(exporting, lambda name: name) == []
    assert tracing.lacking(tracing.TracingSettings(), lambda _: None) == []
