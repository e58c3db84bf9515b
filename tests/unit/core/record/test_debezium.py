"""Of Connect's envelope the payload is taken, of Debezium's the row, and of neither a byte is changed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.record.connect import payload
from processor.core.record.content import LeftOut
from processor.core.record.debezium import DebeziumPolicy, Deletes, row
from processor.errors import EventError

REWRITE, SKIP = DebeziumPolicy(), DebeziumPolicy(Deletes.SKIP)
SOURCE = '{"db":"shop","table":"orders","ts_ms":1}'
ROW = '{"id":12345678901234567890,"v":1.10,"n":null,"cut":"\\ud83d"}'


def change(operation: Any, before: str = "null", after: str = "null") -> bytes:
    said = f'{{"before":{before},"after":{after},"source":{SOURCE},"op":{json.dumps(operation)},"ts_ms":2}}'
    return said.encode()


def refusal(value: bytes, policy: DebeziumPolicy = REWRITE) -> EventError:
    with pytest.raises(EventError) as raised:
        row(policy, value)
    return raised.value


def outcome(policy: DebeziumPolicy, value: bytes) -> bytes | LeftOut | EventError:
    try:
        return row(policy, value)
    except EventError as error:
        return error


@pytest.mark.parametrize("written", ["[1.10, 2]", ROW, '"text"', "5", " true "])
def test_the_payload_keeps_its_bytes_whatever_it_is(written: str) -> None:
    value = f'\ufeff{{"payload" : {written},"schema":{{"type":"struct"}}}}'.encode()
    assert payload(value) == written.strip().encode()


def test_a_payload_that_is_null_is_a_tombstone() -> None:
    value = b'{"schema":{},"payload":null}'
    for read in (payload, lambda value: row(REWRITE, value)):
        with pytest.raises(EventError) as raised:
            read(value)
        assert raised.value.code == "tombstone"


@pytest.mark.parametrize(
    "value", [b"[]", b"{}", b'{"payload":1}', b'{"schema":1,"payload":{},"more":1}', b"x"]
)
def test_what_is_no_envelope_of_connect_is_refused(value: bytes) -> None:
    with pytest.raises(EventError) as raised:
        payload(value)
    assert raised.value.code == "invalid_event"


@pytest.mark.parametrize("operation", ["c", "u", "r"])
def test_a_row_keeps_its_bytes_and_says_that_it_is_not_deleted(operation: str) -> None:
    value = change(operation, before='{"id":0}', after=ROW)
    assert row(REWRITE, value) == (ROW[:-1] + ',"__deleted":"false"}').encode()
    assert row(SKIP, value) == ROW.encode()
    assert row(REWRITE, b'{"schema":{},"payload":%b}' % value) == row(REWRITE, value)


def test_a_delete_is_the_row_as_it_was_or_left_out() -> None:
    value = change("d", before='{"id":1}')
    assert row(REWRITE, value) == b'{"id":1,"__deleted":"true"}'
    assert row(SKIP, value) == LeftOut("delete")


@pytest.mark.parametrize(("operation", "reason"), [("t", "truncate"), ("m", "message")])
def test_what_is_about_no_row_is_left_out(operation: str, reason: str) -> None:
    assert row(REWRITE, change(operation)) == LeftOut(reason)


@pytest.mark.parametrize(
    ("operation", "named"),
    [
        ("c", "after"),
        ("u", "after"),
        ("r", "after"),
        ("d", "before"),
        ("x", "op"),
        (None, "op"),
        ("c" * 20, "op"),
    ],
)
def test_a_change_without_its_row_is_refused_and_the_member_named(operation: Any, named: str) -> None:
    for there in ("null", "[]", "5"):
        error = refusal(change(operation, there, there))
        assert (error.code, f"`{named}`" in error.message) == ("invalid_event", True)


@pytest.mark.parametrize("value", [b"[]", b"5", b"{}", b'{"op":{}}', b'{"schema":{},"payload":[]}', b"\xff"])
def test_what_is_no_change_event_is_refused(value: bytes) -> None:
    assert refusal(value).code == "invalid_event"


def test_fields_of_the_change_are_added_under_the_names_that_debezium_gives_them() -> None:
    policy = DebeziumPolicy(
        Deletes.SKIP, ("op", "table", "source.ts_ms", "source.none", "op.x", "none.x", "none")
    )
    assert row(policy, change("c", after='{"op":1}')) == (
        b'{"op":1,"__op":"c","__table":"orders","__source_ts_ms":1,"__source_none":null,"__op_x":null,'
        b'"__none_x":null,"__none":null}'
    )
    bare = b'{"op":"c","after":{}}'
    assert row(DebeziumPolicy(Deletes.SKIP, ("table",)), bare) == b'{"__table":null}'


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
changes = st.fixed_dictionaries(
    {"op": st.sampled_from("curdtmx") | values}, optional=dict.fromkeys(("before", "after", "source"), values)
)


@given(changes | st.builds(lambda inner: {"schema": None, "payload": inner}, changes))
def test_any_change_is_its_row_or_left_out_or_refused(said: dict[str, Any]) -> None:
    inner = said.get("payload", said)
    policy = DebeziumPolicy(fields=("op", "source.table"))
    found = outcome(policy, json.dumps(said).encode())
    if isinstance(found, EventError):
        assert found.code == "invalid_event"
        return
    if isinstance(found, LeftOut):
        assert inner["op"] in ("t", "m")
        return
    name = "before" if inner["op"] == "d" else "after"
    got = json.loads(found)
    assert got.pop("__deleted") == str(inner["op"] == "d").lower()
    assert got.pop("__op") == inner["op"]
    source = inner.get("source")
    assert got.pop("__source_table") == (source.get("table") if isinstance(source, dict) else None)
    assert got == {
        name: value
        for name, value in inner[name].items()
        if name not in ("__deleted", "__op", "__source_table")
    }
