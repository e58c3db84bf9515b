"""Whatever bytes a topic holds: one request that can be sent, a stated rule, or an EventError, at a low cost.

`HOSTILE_EVENTS=20` makes it twenty times as many examples.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from typing import Any

import httptools
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.core.request.filters import FilterPolicy, Integrations
from processor.core.request.headers import FRAMING, MOST_HEADER_BYTES
from processor.core.request.transform import Envelope, Method, Prepared, RequestPolicy
from processor.errors import EventError
from processor.model import Request
from processor.traffic.preparation import Preparation, Skipped
from processor.web.request_writer import RequestWriter
from tests.benchmarks.shapes import plain, untraced
from tests.support.builders import prepared
from tests.support.examples import examples

EXAMPLES = 1000 * int(os.environ.get("HOSTILE_EVENTS", "1"))
ORIGINS = ("https://h.example", "https://other.example", "http://other.example")
CODES = {"invalid_event", "invalid_header", "invalid_url", "endpoint_not_allowed", "tombstone"}
CONFIGURED = (("Authorization", "configured"),)
PLAIN = Preparation(RequestPolicy("https://h.example"))
PLAIN_EVENT = plain(64 * 1024).encode()
LONGEST_MESSAGE = 250
RATIO = 10
"""All events together may cost so many times what plain ones of 64 KiB, as many, cost."""

texts = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=8),
    st.sampled_from(
        ("..", "%2e", "%252e", "/", "\\", "@", ":", "#", "?", "[", "\r\n", "\0", "\ud83d", "\u0301")
    ),
    st.sampled_from(("https://h.example/", "https://other.example", "//evil.test", "http://[::1]", "xn--a")),
)
long_texts = st.tuples(texts, st.sampled_from((1, 1, 1, 2, 40, 300, 3000))).map(
    lambda pair: pair[0] * pair[1]
)
paths = st.lists(texts, max_size=5).map("".join) | long_texts
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | long_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(long_texts, inner, max_size=4),
    max_leaves=12,
)
names = (
    st.sampled_from(("X-A", "x_a", "Host", "Transfer_Encoding", "content-LENGTH", "Authorization"))
    | long_texts
)
path_members = st.fixed_dictionaries({}, optional={"fullPath": paths | values, "appendPath": paths | values})
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "header": st.dictionaries(names, values, max_size=5) | values,
        "type": st.just("identify") | values,
        "traits": values,
        "properties": values,
        "context": st.fixed_dictionaries({}, optional={"ip": values, "traits": values}) | values,
        "request_ip": st.just("1.2.3.4") | values,
        "integrations": st.dictionaries(
            st.sampled_from(("webhook", "Webhook", "WebHook", "WEBHOOK", "All")), path_members | values
        )
        | values,
    },
)
events = st.tuples(st.dictionaries(long_texts, values, max_size=3), envelopes, path_members).map(
    lambda parts: parts[0] | parts[1] | parts[2]
)


def written(drawn: tuple[dict[str, Any], bool, int | None]) -> bytes:
    event, ascii_only, indent = drawn
    return json.dumps(event, ensure_ascii=ascii_only, indent=indent).encode(errors="surrogatepass")


def damaged(drawn: tuple[bytes, float, bytes, int]) -> bytes:
    """With something put in, and something left out, at a place."""
    value, at, piece, left_out = drawn
    place = int(at * len(value))
    return value[:place] + piece + value[place + left_out :]


pieces = st.binary(max_size=3) | st.sampled_from(
    (b'"', b"\\", b"{", b"[" * 300, b"\\ud83d", b"9" * 5000, b"NaN")
)
good = st.tuples(events, st.booleans(), st.sampled_from((None, None, 1))).map(written)
anything = st.one_of(
    good,
    good,
    good.map(b"\xef\xbb\xbf".__add__),
    st.tuples(good, st.floats(0, 1), pieces, st.integers(0, 3)).map(damaged),
    st.binary(max_size=50),
    st.none(),
)


class Spent:
    """CPU seconds, on hostile events and on plain ones."""

    def __init__(self) -> None:
        self.hostile = self.plain = 0.0


@pytest.fixture(scope="module")
def spent() -> Iterator[Spent]:
    """All of it; at the end one is compared with the other."""
    found = Spent()
    yield found
    assert found.hostile < RATIO * found.plain


class Received:
    """What a server reads: httptools' own parser of requests."""

    def __init__(self, wire: bytes) -> None:
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.count = 0
        self.target = b""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(wire)

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode(), value.decode()))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.count += 1


def check(request: Request, value: bytes, envelope: Envelope) -> None:
    """It goes where it may, and is one request on the wire with what it says, and nothing else."""
    origin, path = next(
        (each, request.url.removeprefix(each)) for each in ORIGINS if request.url.startswith(each + "/")
    )
    assert len(request.url) <= 16 * 1024
    assert request.url.isascii()
    assert sum(len(name) + len(text) for name, text in request.headers) < MOST_HEADER_BYTES + 1000
    received = Received(RequestWriter(origin.partition("://")[2]).write(request, path))
    assert (received.count, received.target.decode()) == (1, path)
    assert received.body == (request.body or b"")
    sent = {name.lower(): text for name, text in request.headers}
    framing = {"host": origin.partition("://")[2]} | (
        {} if request.method == "GET" else {"content-length": str(len(received.body))}
    )
    assert {name.lower(): text for name, text in received.headers} == framing | {
        n: t.strip(" \t") for n, t in sent.items()
    }
    assert FRAMING.isdisjoint(re.sub("[^a-z0-9]", "-", name) for name in sent)
    if request.body is not None:
        assert isinstance(json.loads(request.body), dict) or request.body in (value, value[3:])
    if envelope is Envelope.NONE:
        assert request.body in (None, value)
        assert sent["authorization"] == "configured"
        assert origin == ORIGINS[0]


@pytest.mark.slow
@settings(max_examples=examples(EXAMPLES), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(Method),
    value=anything,
    envelope=st.sampled_from((*[Envelope.RUDDERSTACK] * 3, Envelope.NONE)),
    rule=st.sampled_from(Integrations),
)
def test_whatever_a_record_holds_becomes_one_request_or_nothing_or_an_event_error(
    method: Method, spent: Spent, value: bytes | None, envelope: Envelope, rule: Integrations
) -> None:
    policy = RequestPolicy(f"{ORIGINS[0]}/base", method, CONFIGURED, frozenset({"other.example"}), envelope)
    preparation = Preparation(policy, FilterPolicy(rule, skip_tombstones=False))
    with untraced():
        began = time.process_time()
        made = prepared(preparation, value)
        between = time.process_time()
        prepared(PLAIN, PLAIN_EVENT)
        spent.hostile += between - began
        spent.plain += time.process_time() - between
    if isinstance(made, EventError):
        assert made.code in CODES
        assert len(made.message) <= LONGEST_MESSAGE
    elif not isinstance(made, Skipped):
        assert value is not None
        check(made.request if isinstance(made, Prepared) else made, value, envelope)
