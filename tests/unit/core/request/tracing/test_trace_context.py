"""Which trace a record belongs to: the worked cases, the specification's rules, and a library's word."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.headers import FORBIDDEN_IN_VALUE
from processor.core.request.tracing.trace_context import LONGEST_STATE, found
from processor.model import RecordHeaders
from tests.support.not_tested import not_tested

VECTORS = json.loads((Path(__file__).parents[4] / "vectors" / "signing.json").read_text(encoding="utf-8"))
CASES = [each for each in VECTORS["vectors"] if each["scheme"] == "trace-context"]
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def headers(**said: str) -> RecordHeaders:
    """Of a record."""
    return tuple((name, value.encode()) for name, value in said.items())


def passed_on(said: RecordHeaders) -> dict[str, str]:
    """What requests get of it."""
    context = found(said)
    return {} if context is None else dict(context.headers())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_worked_case_is_passed_on_as_it_says(case: dict[str, Any]) -> None:
    assert passed_on(headers(**case["given"]["record_headers"])) == case["expected_headers"]


@pytest.mark.parametrize(
    "parent",
    [
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0G",
        f"00-{TRACE}-{SPAN}",
        f"0-{TRACE}-{SPAN}-01",
        f" {PARENT}",
        f"{PARENT}\n",
        f"01-{TRACE}-{SPAN}-01x",
        f"01-{TRACE}-{SPAN}-01-a\nb",
        f"01-{TRACE}-{SPAN}-01-{'x' * 80}",
        "é" * 55,
    ],
)
def test_what_is_not_valid_is_not_passed_on(parent: str) -> None:
    assert passed_on(headers(traceparent=parent, tracestate="a=b")) == {}


@pytest.mark.parametrize("parent", [PARENT, f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-ff-what.comes"])
def test_what_is_valid_is_passed_on_as_it_stands(parent: str) -> None:
    assert passed_on(headers(traceparent=parent)) == {"traceparent": parent}


def test_names_are_compared_without_case_and_the_last_of_several_counts() -> None:
    other = PARENT.replace("01", "00")
    said = (("TraceParent", other.encode()), ("traceparent", PARENT.encode()), ("TRACESTATE", b"a=b"))
    assert passed_on(said) == {"traceparent": PARENT, "tracestate": "a=b"}
    assert passed_on((*said, ("traceparent", None))) == {}


def test_a_state_alone_is_dropped() -> None:
    assert passed_on(headers(tracestate="a=b")) == {}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("a=b,c@d=e f", "a=b,c@d=e f"),
        ("a=b , c=d", "a=b , c=d"),
        ("a=b,,c=d", "a=b,,c=d"),
        ("", None),
        ("a", None),
        ("A=b", None),
        ("a=b\r\nX: y", None),
        ("a=b;c=é", None),
        ("a=", None),
        ("a=b=c", None),
        ("a=b ", "a=b"),
        ("a=" + "x" * LONGEST_STATE, None),
        (",".join(f"k{n}=v" for n in range(32)), ",".join(f"k{n}=v" for n in range(32))),
        (",".join(f"k{n}=v" for n in range(33)), None),
    ],
)
def test_a_state_is_passed_on_with_its_parent_if_it_is_valid(state: str, expected: str | None) -> None:
    assert passed_on(headers(traceparent=PARENT, tracestate=state)).get("tracestate") == expected


def test_several_states_are_one_list() -> None:
    said = (("traceparent", PARENT.encode()), ("tracestate", b"a=b"), ("tracestate", b"c=d"))
    assert passed_on(said)["tracestate"] == "a=b,c=d"


def test_its_parts_are_told_apart() -> None:
    context = found(headers(traceparent=PARENT))
    assert context is not None
    assert (context.trace_id, context.span_id) == (int(TRACE, 16), int(SPAN, 16))
    assert context.is_sampled
    unsampled = found(headers(traceparent=f"00-{TRACE}-{SPAN}-02"))
    assert unsampled is not None
    assert not unsampled.is_sampled


NEARLY = st.from_regex(
    r"(00|01|ff|0g)-(0{32}|[0-9a-f]{31,33})-(0{16}|[0-9a-f]{15,17})-[0-9a-f]{1,3}", fullmatch=True
)
STATES = st.from_regex(r"([a-z*@/_-]{1,4}=[ -~]{0,4},?){0,4}", fullmatch=True)


@given(
    st.lists(
        st.tuples(st.sampled_from(["traceparent", "Tracestate", "tracestate", "x"]), st.binary() | st.none())
    )
)
def test_whatever_the_headers_are_what_is_passed_on_may_be_sent(said: list[tuple[str, bytes | None]]) -> None:
    for name, value in passed_on(tuple(said)).items():
        assert name in ("traceparent", "tracestate")
        assert value.isascii()
        assert not FORBIDDEN_IN_VALUE.search(value)


@given(NEARLY)
def test_a_parent_is_valid_where_the_library_says_so(parent: str) -> None:
    if find_spec("opentelemetry.trace") is None:
        not_tested("what OpenTelemetry says of a trace: install the extra tracing")
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carried = TraceContextTextMapPropagator().extract({"traceparent": parent})
    context = trace.get_current_span(carried).get_span_context()
    ours = found(headers(traceparent=parent))
    assert (ours is not None) is context.is_valid
    if ours is not None:
        assert (ours.trace_id, ours.span_id) == (context.trace_id, context.span_id)
