"""The receiver answers as it was told, and its receipts say what it received."""

import http.client
import itertools
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.benchmarks import receiver as module
from tests.benchmarks.backlog import Shape, value
from tests.benchmarks.conftest import Open
from tests.benchmarks.receipts import UNKNOWN
from tests.benchmarks.receiver import CannotBuildError, Receiver

WHOLE = b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
PATIENCE_SECONDS = 30


@contextmanager
def connection(receiver: Receiver) -> Iterator[http.client.HTTPConnection]:
    """One that stays open."""
    address: tuple[str, int, float] = ("127.0.0.1", receiver.port, PATIENCE_SECONDS)
    opened = _plain(*address) if receiver.ca_file is None else _encrypted(*address, receiver.ca_file)
    try:
        yield opened
    finally:
        opened.close()


def _plain(host: str, port: int, timeout: float) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(host, port, timeout=timeout)


def _encrypted(host: str, port: int, timeout: float, ca_file: Path) -> http.client.HTTPConnection:
    context = ssl.create_default_context(cafile=ca_file)
    return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)


def post(to: http.client.HTTPConnection, number: int) -> int:
    """The status of the answer."""
    to.request("POST", "/hook", value(number, 5))
    answer = to.getresponse()
    answer.read()
    return answer.status


def numbers(receiver: Receiver) -> list[tuple[int, int]]:
    """Number and status of every request."""
    return [(row.number, row.status) for row in receiver.receipts.rows()]


@contextmanager
def line(receiver: Receiver) -> Iterator[socket.socket]:
    """A bare connection."""
    with socket.create_connection(("127.0.0.1", receiver.port), PATIENCE_SECONDS) as opened:
        yield opened


def request(number: int) -> bytes:
    """A whole request as bytes."""
    body = value(number, 5)
    return WHOLE % (len(body), body)


def heard(line: socket.socket, text: bytes, times: int = 1) -> bytes:
    """What comes until the text has come so often."""
    got = b""
    while got.count(text) < times:
        part = line.recv(65_536)
        assert part, got
        got += part
    return got


def test_every_request_has_a_receipt_in_the_order_of_arrival(receiver: Open) -> None:
    opened = receiver()
    with connection(opened) as one, connection(opened) as other:
        assert [post(one, 7), post(other, 9), post(one, 7)] == [200] * 3
    assert numbers(opened) == [(7, 200), (9, 200), (7, 200)]
    rows = list(opened.receipts.rows())
    assert sorted(rows, key=lambda row: row.arrived_ns) == rows
    assert all(0 <= row.answered_ns - row.arrived_ns < 30e9 for row in rows)
    counters = opened.receipts.counters()
    assert (counters.requests, counters.settled, counters.connections) == (3, 2, 2)
    assert opened.receipts.settled() == 2


def test_a_busy_event_is_answered_503_once_and_a_refused_one_400_each_time(receiver: Open) -> None:
    opened = receiver(busy_every=100, refuse_every=500)
    with connection(opened) as one:
        assert [post(one, number) for number in (1, 201, 1, 201)] == [503, 503, 200, 200]
        assert [post(one, number) for number in (2, 2, 502, 102, 3)] == [400, 400, 400, 200, 200]
    assert opened.receipts.settled() == 6


def test_an_event_that_was_only_busy_is_not_settled(receiver: Open) -> None:
    opened = receiver(busy_every=100)
    with connection(opened) as one:
        assert post(one, 1) == 503
        assert opened.receipts.settled() == 0


def test_an_answer_comes_after_the_delay_and_others_are_served_meanwhile(receiver: Open) -> None:
    opened = receiver(delay_ms=500)
    with line(opened) as one, line(opened) as two, line(opened) as three:
        for number, each in enumerate((one, two, three)):
            each.sendall(request(number))
        for each in (one, two, three):
            heard(each, b"\r\n\r\nok")
    rows = list(opened.receipts.rows())
    assert all(row.answered_ns - row.arrived_ns >= 500e6 for row in rows)
    assert opened.receipts.counters().most_at_once == 3
    assert max(row.arrived_ns for row in rows) < min(row.answered_ns for row in rows)


def test_a_sender_that_leaves_before_the_answer_has_a_receipt_and_harms_nobody(receiver: Open) -> None:
    opened = receiver(delay_ms=100)
    with line(opened) as one:
        one.sendall(request(4))
    with connection(opened) as other:
        assert post(other, 5) == 200
    assert sorted(numbers(opened)) == [(4, 200), (5, 200)]


def test_requests_may_come_in_pieces_and_several_at_once(receiver: Open) -> None:
    opened = receiver()
    both = request(1) + request(2)
    with line(opened) as one:
        one.sendall(both[:10])
        one.sendall(both[10:-50])
        heard(one, b"\r\n\r\nok")
        assert numbers(opened) == [(1, 200)]
        one.sendall(both[-50:] + both)
        heard(one, b"\r\n\r\nok", 3)
    assert numbers(opened) == [(1, 200), (2, 200), (1, 200), (2, 200)]


def test_a_body_larger_than_the_first_room_is_taken(receiver: Open) -> None:
    opened = receiver()
    with connection(opened) as one:
        one.request("POST", "/hook", json.dumps({"pad": "x" * 200_000}).encode()[:-1] + b',"number":8}')
        assert one.getresponse().status == 200
    assert numbers(opened) == [(8, 200)]


def test_the_number_is_found_in_a_query(receiver: Open) -> None:
    opened = receiver()
    with connection(opened) as one:
        one.request("GET", "/hook?currency=EUR&number=12&user=user-1")
        assert one.getresponse().read() == b"ok"
    assert numbers(opened) == [(12, 200)]


def test_a_connection_is_closed_where_the_sender_asks_for_it(receiver: Open) -> None:
    opened = receiver()
    with line(opened) as one:
        one.sendall(request(1).replace(b"Host: x", b"Host: x\r\nConnection: close"))
        heard(one, b"\r\n\r\nok")
        assert one.recv(1) == b""


def test_a_chunked_body_is_refused_and_leaves_no_receipt(receiver: Open) -> None:
    opened = receiver()
    with connection(opened) as one:
        one.request("POST", "/hook", iter([b'{"number":1}']), {"Transfer-Encoding": "chunked"})
        assert one.getresponse().status == 411
    assert numbers(opened) == []


def test_an_event_that_is_not_of_the_topic_does_not_go_unnoticed(receiver: Open) -> None:
    opened = receiver(events=10)
    with connection(opened) as one:
        assert post(one, 10) == 200
    assert opened.receipts.counters().unknown == 1
    with pytest.raises(ValueError, match="unknown=1"):
        opened.receipts.rows()
    assert UNKNOWN > 10


def test_more_requests_than_receipts_do_not_go_unnoticed(receiver: Open) -> None:
    opened = receiver(rows=1)
    with connection(opened) as one:
        assert [post(one, 1), post(one, 2)] == [200, 200]
    with pytest.raises(ValueError, match="dropped=1"):
        opened.receipts.rows()


def test_it_speaks_tls(receiver: Open) -> None:
    opened = receiver(tls=True)
    assert opened.url.startswith("https://")
    with connection(opened) as one, connection(opened) as other:
        assert [post(one, 1), post(other, 2), post(one, 3)] == [200] * 3
    assert numbers(opened) == [(1, 200), (2, 200), (3, 200)]


def test_without_a_compiler_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotBuildError, match="install gcc"):
        module.build()


def test_without_the_headers_of_openssl_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compiler = tmp_path / "gcc"
    compiler.write_text("#!/bin/sh\necho openssl/ssl.h: No such file or directory >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(module, "BUILT", tmp_path / "built")
    with pytest.raises(CannotBuildError, match="libssl-dev"):
        module.build(tls=True)


def test_an_event_is_json_of_the_promised_length_with_its_number() -> None:
    for number, key in ((0, 0), (199_999, 9_999), (999_999, 999_999)):
        event = json.loads(value(number, key))
        assert len(value(number, key)) == 1_200
        assert event["properties"]["number"] == number
        assert value(number, key).count(b'"number":') == 1


def test_keys_are_drawn_evenly_and_without_order() -> None:
    shape = Shape(events=20_000, keys=100)
    drawn = [shape.key(number) for number in range(shape.events)]
    counts = [drawn.count(key) for key in range(100)]
    assert set(drawn) == set(range(100))
    assert max(counts) < 1.5 * min(counts)
    assert any(one == other for one, other in itertools.pairwise(drawn))
