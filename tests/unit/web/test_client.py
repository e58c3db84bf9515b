"""Every way a server can answer, on the wire."""

import asyncio
import gzip
from itertools import count

import pytest

from processor.model import Answer, Headers, Request, Response
from processor.web import connection
from processor.web.client import MAX_BODY
from tests.support.endpoint import (
    HOST,
    Arrival,
    Behaviour,
    Endpoint,
    RawServer,
    Reply,
    answering,
    ok,
    reset,
    silent,
    unused_port,
)
from tests.support.patience import PATIENCE
from tests.unit.admin.asking import SECONDS, ask, ask_in_time, error, hanging, opened, post, response, send
from tests.unit.web.dialling import Names

pytestmark = pytest.mark.slow

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"Content-Length: 0\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def noting(heads: list[bytes], answers: int) -> Behaviour:
    """Note every request; answer the first `answers` of the server, hang up on all others."""
    numbers = count()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            if next(numbers) >= answers:
                return
            writer.write(EMPTY)

    return behave


def one_answer_a_connection(heads: list[bytes], begun: bytes = b"", thinking: float = 0.0) -> Behaviour:
    """Note every request; answer the first of a connection, then say `begun`, after a while, and hang up."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(EMPTY)
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await asyncio.sleep(thinking)
        writer.write(begun)
        await writer.drain()

    return behave


class TestTheRequest:
    async def test_is_these_bytes_and_no_others(self) -> None:
        came: list[bytes] = []

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            came.append(head + await reader.readexactly(7))
            writer.write(EMPTY)
            came.append(await reader.read())

        headers = (("User-Agent", "RudderLabs"), ("Content-Type", "application/json"), ("x-Own", "é 1"))
        async with RawServer(behave) as server:
            await ask(server, post(f"{server.url}/hook?a=1", b'{"a":1}', headers))
        expected = (
            f"POST /hook?a=1 HTTP/1.1\r\nHost: {HOST}:{server.port}\r\nUser-Agent: RudderLabs\r\n"
            'Content-Type: application/json\r\nx-Own: é 1\r\nContent-Length: 7\r\n\r\n{"a":1}'
        )
        assert came == [expected.encode(), b""]

    @pytest.mark.parametrize(("method", "framing"), [("GET", []), ("DELETE", ["Content-Length: 0"])])
    async def test_without_a_body_names_no_type_of_one(self, method: str, framing: list[str]) -> None:
        heads: list[bytes] = []
        async with RawServer(noting(heads, 1)) as server:
            await ask(server, Request(method, f"{server.url}/hook", (("User-Agent", "u"),), None))
        lines = [f"{method} /hook HTTP/1.1", f"Host: {HOST}:{server.port}", "User-Agent: u", *framing, "", ""]
        assert heads == ["\r\n".join(lines).encode()]

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def test_has_the_method_it_asks_for(self, method: str) -> None:
        async with Endpoint() as endpoint:
            await ask(endpoint, Request(method, f"{endpoint.url}/", (), None))
        assert endpoint.requests[0].method == method

    @pytest.mark.parametrize(
        "target",
        [
            "/",
            "/a/../b/./c",
            "/%2e%2E/%2f",
            "//a//b/",
            "/a+b%20c?q=a+b%20c",
            "/x?a[0].b=1&c=[]&d={}",
            "/x?a=%5B%zz&b?c",
            "/x;y=1/:@!$&'()*,=~",
            "/?" + "q" * 7000,
        ],
    )
    async def test_has_the_url_as_it_stands(self, target: str) -> None:
        async with Endpoint() as endpoint:
            await ask(endpoint, post(endpoint.url + target))
        assert endpoint.requests[0].target == target

    @pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 3_000_000])
    async def test_has_the_whole_body(self, size: int) -> None:
        body = bytes(size)
        async with Endpoint() as endpoint:
            await ask(endpoint, post(endpoint.url, body))
        assert endpoint.requests[0].body == body

    async def test_may_name_a_host_of_its_own(self) -> None:
        async with Endpoint() as endpoint:
            await ask(endpoint, post(endpoint.url, headers=(("Host", "inner.example"),)))
        assert endpoint.requests[0].headers == (("Host", "inner.example"), ("Content-Length", "2"))

    async def test_sends_no_cookies_back(self) -> None:
        async with Endpoint(lambda _: Reply(headers=(("Set-Cookie", "a=1"),))) as endpoint:
            url = endpoint.url.replace(HOST, "localhost")
            async with opened(url) as client:
                response(await send(client, post(url)))
                response(await send(client, post(url)))
        assert endpoint.requests[1].header("Cookie") is None

    @pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\0b", "a\x01b", "a\x7fb"])
    async def test_that_cannot_be_written_is_answered_and_not_sent(self, value: str) -> None:
        async with Endpoint() as endpoint:
            answer = await ask(endpoint, post(endpoint.url, headers=(("X", value),)))
        assert error(answer).reason == "malformed"
        assert endpoint.requests == []

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "PATCH"])
    async def test_leaves_only_once_on_a_new_connection(self, method: str) -> None:
        heads: list[bytes] = []
        async with RawServer(noting(heads, 0)) as server, opened(server.url) as client:
            assert error(await send(client, Request(method, f"{server.url}/", (), None))).reason == "reset"
        assert (len(heads), server.connections) == (1, 1)

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "PATCH"])
    async def test_leaves_once_more_on_a_new_connection_when_a_used_one_was_dead(self, method: str) -> None:
        heads: list[bytes] = []
        async with RawServer(one_answer_a_connection(heads)) as server, opened(server.url) as client:
            request = Request(method, f"{server.url}/", (), None)
            for _ in range(3):
                assert response(await send(client, request)).status == 200
        assert (len(heads), server.connections) == (5, 3)

    async def test_is_the_same_to_the_byte_when_it_leaves_once_more(self) -> None:
        heads: list[bytes] = []
        async with RawServer(one_answer_a_connection(heads)) as server, opened(server.url) as client:
            for number in range(2):
                made = post(server.url, b"")._replace(attempt_headers=(("X-Signed", f"{number}"),))
                assert response(await send(client, made)).status == 200
        assert [b"X-Signed: 0" in head for head in heads] == [True, False, False]
        assert heads[1] == heads[2]

    async def test_does_not_leave_a_third_time(self) -> None:
        heads: list[bytes] = []
        async with RawServer(noting(heads, 1)) as server, opened(server.url) as client:
            assert response(await send(client, post(server.url, b""))).status == 200
            assert error(await send(client, post(server.url, b""))).reason == "reset"
        assert (len(heads), server.connections) == (3, 2)

    @pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
    async def test_does_not_leave_again_when_an_answer_had_begun(self, begun: bytes) -> None:
        heads: list[bytes] = []
        async with RawServer(one_answer_a_connection(heads, begun)) as server, opened(server.url) as client:
            assert response(await send(client, post(server.url, b""))).status == 200
            assert error(await send(client, post(server.url, b""))).reason == "reset"
        assert (len(heads), server.connections) == (2, 1)

    async def test_does_not_leave_again_when_the_server_thought_about_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "STALE_SECONDS", 0.05)
        heads: list[bytes] = []
        behave = one_answer_a_connection(heads, b"", thinking=0.1)
        async with RawServer(behave) as server, opened(server.url) as client:
            assert response(await send(client, post(server.url, b""))).status == 200
            assert error(await send(client, post(server.url, b""))).reason == "reset"
        assert (len(heads), server.connections) == (2, 1)


class TestAnAnswer:
    @pytest.mark.parametrize("status", [200, 201, 204, 299, 300, 304, 400, 404, 410, 429, 500, 503, 599])
    async def test_is_its_status_and_body(self, status: int) -> None:
        body = b"" if status in (204, 304) else b"said"
        async with Endpoint(lambda _: Reply(status, body=body)) as endpoint:
            assert await ask(endpoint) == Response(status, None, body)

    @pytest.mark.parametrize("status", [200, 429])
    async def test_has_what_it_says_is_left(self, status: int) -> None:
        headers = (("X-RateLimit-Remaining", "7"), ("x-ratelimit-reset", "30"), ("X-Limit", "9"))
        async with Endpoint(lambda _: Reply(status, headers)) as endpoint:
            left = (("ratelimit-remaining", "7"), ("ratelimit-reset", "30"))
            assert await ask(endpoint) == Response(status, None, b"", left)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_that_redirects_is_not_followed(self, status: int) -> None:
        async with Endpoint() as elsewhere:
            location = (("Location", f"{elsewhere.url}/other"),)
            async with Endpoint(lambda _: Reply(status, location)) as endpoint:
                assert response(await ask(endpoint)).status == status
        assert len(endpoint.requests) == 1
        assert elsewhere.requests == []

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ((), None),
            ((("Retry-After", "120"),), "120"),
            ((("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),), "Wed, 21 Oct 2026 07:28:00 GMT"),
            ((("Retry-After", "1"), ("Retry-After", "2")), "1"),
            ((("Retry-After", "9" * 8000),), "9" * 128),
            ((("Retry-After", ""),), ""),
        ],
    )
    async def test_says_when_to_come_back(self, headers: Headers, expected: str | None) -> None:
        async with Endpoint(lambda _: Reply(503, headers)) as endpoint:
            assert response(await ask(endpoint)).retry_after == expected

    @pytest.mark.parametrize(
        "said",
        [
            b"HTTP/1.1 503 Later\r\nRetry-After: \t 7 \t \r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 503 Later\nRetry-After: 7\nContent-Length: 0\n\n" + EMPTY,
            b"HTTP/1.1 103 Hint\r\nRetry-After: 8\r\n\r\nHTTP/1.1 503 Later\r\nRetry-After: 7\r\n\r\n",
        ],
    )
    async def test_says_when_to_come_back_also_in_odd_ways(self, said: bytes) -> None:
        async with RawServer(answering(said)) as server:
            assert response(await ask(server)).retry_after == "7"

    @pytest.mark.parametrize("status", [b"200 OK", b"503 Later"])
    @pytest.mark.parametrize(
        "lines", [b"content-length: 2\r\nX: 1\r\nContent-Length: 2", b"Content-Length:2 ,2"]
    )
    @pytest.mark.parametrize("interim", [b"", b"HTTP/1.1 103 Hint\r\n\r\n"])
    async def test_may_say_its_length_several_times_alike(
        self, status: bytes, lines: bytes, interim: bytes
    ) -> None:
        said = b"%bHTTP/1.1 %b\r\nRetry-After: 7\r\n%b\r\n\r\nok" % (interim, status, lines)
        served = 0

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal served
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(said)
                served += 1

        async with RawServer(behave) as server, opened(server.url) as client:
            for _ in range(3):
                answer = response(await send(client, post(server.url, b"")))
                assert (answer.status, answer.body) == (int(status[:3]), b"ok")
                assert answer.retry_after == (None if answer.status == 200 else "7")
        assert (served, server.connections) == (3, 1)

    async def test_that_fails_is_inflated_for_people(self) -> None:
        zipped = gzip.compress(b"no such user")
        async with Endpoint(
            lambda _: Reply(404, headers=(("Content-Encoding", "GZIP"),), body=zipped)
        ) as endpoint:
            assert response(await ask(endpoint)).body == b"no such user"

    async def test_that_fails_is_inflated_no_further_than_is_kept(self) -> None:
        zipped = gzip.compress(bytes(10_000_000))
        async with Endpoint(
            lambda _: Reply(500, headers=(("Content-Encoding", "gzip"),), body=zipped)
        ) as endpoint:
            assert response(await ask(endpoint)).body == bytes(MAX_BODY)

    async def test_that_delivers_is_not_inflated(self) -> None:
        zipped = gzip.compress(bytes(10_000_000))
        async with Endpoint(
            lambda _: Reply(headers=(("Content-Encoding", "gzip"),), body=zipped)
        ) as endpoint:
            assert response(await ask(endpoint)).body == zipped

    @pytest.mark.parametrize(
        ("parts", "expected"),
        [
            ((b"HTTP/1.0 200 OK\r\n\r\nsaid",), (200, b"said")),
            ((OK + b"\r\nsaid",), (200, b"said")),
            ((b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",), (200, b"")),
            ((b"HTTP/1.1 100 Continue\r\n\r\n" + EMPTY,), (200, b"")),
            ((b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", EMPTY), (200, b"")),
            ((b"HTTP/1.1 404 No\nContent-Length: 2\n\n\0\0",), (404, b"\0\0")),
            ((b"HTTP/1.1 150 Odd\r\nContent-Length: 4\r\n\r\nsaid" + EMPTY,), (200, b"")),
        ],
    )
    async def test_may_be_of_an_old_or_odd_kind(
        self, parts: tuple[bytes, ...], expected: tuple[int, bytes]
    ) -> None:
        async with RawServer(answering(*parts)) as server:
            answer = response(await ask(server))
        assert (answer.status, answer.body) == expected

    @pytest.mark.parametrize(
        ("parts", "body"),
        [
            ((OK + b"Content-Length: 10\r\n\r\nsaid",), b"said"),
            ((OK + b"Content-Length: 2\r\n\r\nokMORE",), b"ok"),
            ((OK + b"Content-Length: 2\r\n\r\nok", b"MORE"), b"ok"),
            ((CHUNKED + b"2\r\nok\r\nZZ\r\n",), b"ok"),
            ((CHUNKED, b"ZZ\r\n"), b""),
            ((CHUNKED, b"2\r\nok\r\n"), b"ok"),
            ((CHUNKED, b"2\r\nok\r\n", b"ZZ\r\n"), b"ok"),
            ((CHUNKED + b"0\r\nX: " + b"a" * 50_000 + b"\r\n\r\n",), b""),
        ],
    )
    async def test_stands_when_its_body_breaks(self, parts: tuple[bytes, ...], body: bytes) -> None:
        async with RawServer(answering(*parts)) as server, asyncio.timeout(PATIENCE):
            assert await ask(server, request_timeout=60) == Response(200, None, body)

    async def test_stands_when_a_204_has_a_body(self) -> None:
        wrong = b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nwrong"
        async with RawServer(answering(wrong)) as server:
            assert await ask(server) == Response(204, None, b"")

    async def test_stands_when_the_connection_is_reset_in_its_body(self) -> None:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK + b"Content-Length: 10\r\n\r\n")
            await writer.drain()
            reset(writer)

        async with RawServer(behave) as server:
            assert response(await ask(server)).status == 200

    async def test_stands_when_its_body_takes_too_long(self) -> None:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK + b"Content-Length: 10\r\n\r\nsa")
            await reader.read()

        async with RawServer(behave) as server:
            assert await ask_in_time(server) == Response(200, None, b"sa")

    async def test_that_never_ends_is_cut_and_its_connection_closed(self) -> None:
        closed = asyncio.Event()

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK + b"\r\n")
            try:
                while True:
                    writer.write(b"x" * 8192)
                    await writer.drain()
            finally:
                closed.set()

        async with RawServer(behave) as server, opened(server.url) as client:
            answer = response(await send(client, post(server.url)))
            await closed.wait()
        assert answer.body == b"x" * MAX_BODY

    async def test_may_come_before_the_whole_request_was_read(self) -> None:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        async with RawServer(behave) as server:
            assert response(await ask(server, post(server.url, bytes(20_000_000)))).status == 413


class TestNoAnswer:
    async def test_where_nobody_listens(self) -> None:
        url = f"http://{HOST}:{unused_port()}"
        async with opened(url) as client:
            answer = error(await send(client, post(url)))
        assert answer.reason == "connect"
        assert answer.message == f"no connection to {url[7:]}: Connection refused"

    async def test_from_a_name_that_does_not_exist(self) -> None:
        async with opened("http://name.invalid") as client:
            answer = error(await send(client, post("http://name.invalid/hook")))
        assert answer.reason == "dns"
        assert "name.invalid" in answer.message

    @pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
    async def test_when_the_connection_is_closed_first(self, said: bytes) -> None:
        async with RawServer(answering(said)) as server:
            assert error(await ask(server)).reason == "reset"

    async def test_when_the_connection_is_reset_first(self) -> None:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            reset(writer)

        async with RawServer(behave) as server:
            assert error(await ask(server)).reason == "reset"

    async def test_when_the_connection_is_reset_in_the_request(self) -> None:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            reset(writer)

        async with RawServer(behave) as server:
            assert error(await ask(server, post(server.url, bytes(20_000_000)))).reason == "reset"

    async def test_from_a_server_that_says_nothing(self) -> None:
        async with RawServer(silent) as server:
            answer = error(await ask_in_time(server))
        assert answer.reason == "answer_timeout"
        assert answer.message == f"no answer from {HOST}:{server.port} in time"

    @pytest.mark.parametrize(
        ("begin", "go_on"),
        [(OK, b"X"), (b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (b"", b"HTTP/1.1 103 Hint\r\n\r\n")],
    )
    async def test_from_a_server_that_never_comes_to_the_point(self, begin: bytes, go_on: bytes) -> None:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(begin)
            while True:
                writer.write(go_on)
                await writer.drain()
                await asyncio.sleep(0.005)

        async with RawServer(behave) as server:
            assert error(await ask_in_time(server)).reason == "answer_timeout"

    async def test_in_a_tls_handshake_that_hangs(self) -> None:
        async with RawServer(silent) as server:
            url = server.url.replace("http", "https")
            async with opened(url, connect_timeout=SECONDS) as client:
                answer = error(await send(client, post(url)))
        assert answer.reason == "connect_timeout"
        assert answer.message == f"no connection to {HOST}:{server.port} in time"

    @pytest.mark.parametrize(
        "said",
        [
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"<html>\r\n\r\n",
            b"HTTP/2 200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 1000 OK\r\n\r\n",
            b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n" + EMPTY,
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
            OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            OK + b"Content-Length: 2, 3\r\n\r\nok!",
            OK + b"Content-Length: 2\r\nContent-Length: 02\r\n\r\nok",
            OK + b"Content-Length: 2\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            OK + b"Content-Length: -2\r\n\r\nok",
            OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nok",
            OK + b"Name : value\r\n\r\n",
            OK + b"Name: a\0b\r\n\r\n",
        ],
    )
    async def test_in_what_is_malformed(self, said: bytes) -> None:
        async with RawServer(answering(said)) as server:
            assert error(await ask(server)).reason == "malformed"

    @pytest.mark.parametrize("first", [b"\0\0\0\4\0\0\0\0\0", b"\0\0\x12\4\0\0\0\0\0" + bytes(18)])
    @pytest.mark.parametrize("waits", [True, False])
    async def test_from_a_server_that_speaks_http2_only(self, first: bytes, *, waits: bool) -> None:
        """As Node does: settings, and good-bye when it has read what is no HTTP/2."""

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if waits:
                await reader.readuntil(b"\r\n\r\n")
            writer.write(first)
            await reader.read(1)
            writer.write(b"\0\0\x08\7" + bytes(12) + b"\2")

        async with RawServer(behave) as server:
            answer = error(await ask(server))
        assert answer.reason == "http2_only"
        assert "speaks HTTP/2 only" in answer.message

    async def test_in_the_403_by_which_nodes_http2_server_refuses_http1(self) -> None:
        body = b"Missing ALPN Protocol, expected `h2` to be available.\nIf this is a HTTP request: The server"
        async with RawServer(answering(b"HTTP/1.0 403 Forbidden\r\n\r\n" + body)) as server:
            assert error(await ask(server)).reason == "http2_only"
        async with RawServer(
            answering(b"HTTP/1.0 403 Forbidden\r\n\r\n" + body.replace(b"h2", b"h3"))
        ) as server:
            assert response(await ask(server)).status == 403

    @pytest.mark.parametrize(
        "headers", [b"X: 1\r\n" * 100_000, b"X: " + b"a" * 5_000_000 + b"\r\n", b"a" * 100_000 + b": 1\r\n"]
    )
    async def test_in_headers_that_are_too_large(self, headers: bytes) -> None:
        async with RawServer(answering(OK + headers + b"\r\n")) as server:
            assert error(await ask(server)).reason == "too_large"

    async def test_names_the_host_and_nothing_secret(self) -> None:
        port = unused_port()
        secret = (("Authorization", "Bearer s3cret"),)
        async with (
            opened(f"http://{HOST}:{port}", allowed_networks=["127.0.0.0/8"]) as client,
            RawServer(answering(b"")) as server,
        ):
            for request in (
                post(f"http://user:s3cret@{HOST}:{port}/s3cret?s3cret", headers=secret),
                post(f"http://s3cret@{HOST}:{port}?s3cret"),
                post(f"{server.url}/s3cret?s3cret", headers=secret),
                post(f"{server.url}/s3cret?s3cret", headers=(("X", "s3cret\x01"),)),
                post("http://s3cret:port/"),
            ):
                message = error(await send(client, request)).message
                assert "s3cret" not in message
                assert len(message) <= 200

    async def test_has_a_short_message(self) -> None:
        host = f"{'a' * 60}.{'b' * 60}.{'c' * 60}.invalid"
        async with opened(f"http://{host}") as client:
            assert len(error(await send(client, post(f"http://{host}/"))).message) == 200


class TestConnections:
    async def test_are_used_again(self) -> None:
        async with Endpoint() as endpoint, opened(endpoint.url) as client:
            for _ in range(10):
                response(await send(client, post(endpoint.url)))
        assert endpoint.connections == 1

    async def test_carry_one_request_each_where_the_settings_say_so(self) -> None:
        async with Endpoint() as endpoint, opened(endpoint.url, keepalive=False) as client:
            for _ in range(3):
                response(await send(client, post(endpoint.url)))
            assert client.connections() == 0
        assert endpoint.connections == 3
        assert {arrival.header("Connection") for arrival in endpoint.requests} == {"close"}

    async def test_are_never_more_than_the_settings_say(self) -> None:
        async with (
            Endpoint(lambda _: Reply(delay=0.01)) as endpoint,
            opened(endpoint.url, 64, max_connections=3) as client,
        ):
            await asyncio.gather(*(send(client, post(endpoint.url)) for _ in range(30)))
            assert client.connections() == 3
        assert endpoint.most_in_flight == 3

    async def test_are_renewed_and_see_where_the_name_leads_then(self) -> None:
        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(b"HTTP/1.1 299 Moved\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            await writer.wait_closed()

        async with Endpoint() as endpoint:
            moved = await asyncio.start_server(one, "127.0.0.2", endpoint.port)
            url = f"http://h.example:{endpoint.port}"
            names = Names(h=[["127.0.0.1"], ["127.0.0.2"]])
            async with (
                moved,
                opened(url, resolver=names, connection_max_age=0.5) as client,
                asyncio.timeout(PATIENCE),
            ):
                assert response(await send(client, post(url))).status == 200
                while response(await send(client, post(url))).status == 200:
                    await asyncio.sleep(0.01)
        assert names.asked == ["h.example"] * 2

    async def test_are_used_again_after_a_body_of_just_the_limit(self) -> None:
        async with (
            Endpoint(lambda _: Reply(body=bytes(MAX_BODY))) as endpoint,
            opened(endpoint.url) as client,
        ):
            for _ in range(3):
                assert len(response(await send(client, post(endpoint.url))).body) == MAX_BODY
        assert endpoint.connections == 1

    async def test_are_not_used_again_after_too_long_a_body(self) -> None:
        async with (
            Endpoint(lambda _: Reply(body=bytes(16 * MAX_BODY))) as endpoint,
            opened(endpoint.url) as client,
        ):
            for _ in range(3):
                assert len(response(await send(client, post(endpoint.url))).body) == MAX_BODY
        assert endpoint.connections == 3

    async def test_are_not_used_again_when_they_were_idle_too_long(self) -> None:
        async with Endpoint() as endpoint, opened(endpoint.url, keepalive_timeout=0.001) as client:
            await send(client, post(endpoint.url))
            await asyncio.sleep(0.01)
            await send(client, post(endpoint.url))
        assert endpoint.connections == 2

    async def test_that_the_server_closed_when_idle_cost_no_attempt(self) -> None:
        heads: list[bytes] = []
        closed = asyncio.Event()

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(EMPTY)
            writer.close()
            await writer.wait_closed()
            closed.set()

        async with RawServer(behave) as server, opened(server.url) as client:
            for _ in range(3):
                response(await send(client, Request("GET", f"{server.url}/", (), None)))
                await closed.wait()
                closed.clear()
        assert len(heads) == 3

    async def test_do_not_carry_what_nobody_asked_for_into_the_next_answer(self) -> None:
        unasked = asyncio.Event()

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            if unasked.is_set():
                writer.write(b"HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n")
            else:
                writer.write(EMPTY)
                await writer.drain()
                await asyncio.sleep(0.02)
                writer.write(EMPTY)
                unasked.set()
            await reader.read()

        async with RawServer(behave) as server, opened(server.url) as client:
            assert response(await send(client, post(server.url, b""))).status == 200
            await unasked.wait()
            await asyncio.sleep(0.02)
            assert response(await send(client, post(server.url, b""))).status == 500

    async def test_are_never_more_than_requests_may_be_in_flight(self) -> None:
        release = asyncio.Event()

        async def when_released(_: Arrival) -> Reply:
            await release.wait()
            return Reply()

        async with Endpoint(when_released) as endpoint, opened(endpoint.url, 2) as client:
            answers = [send(client, post(endpoint.url)) for _ in range(7)]
            await endpoint.received(2)
            release.set()
            for answer in await asyncio.gather(*answers):
                response(answer)
        assert endpoint.most_in_flight == 2
        assert endpoint.connections == 2

    async def test_serve_thousands_of_requests(self) -> None:
        async with Endpoint() as endpoint, opened(endpoint.url, 64) as client:
            answers = await asyncio.gather(*(send(client, post(endpoint.url)) for _ in range(2000)))
        assert {response(answer).status for answer in answers} == {200}
        assert len(endpoint.requests) == 2000
        assert endpoint.connections <= 64


class TestCancelling:
    async def test_at_once_sends_nothing(self) -> None:
        assert await _cancelled_after(requests=0) == []

    async def test_in_flight_is_silent_and_frees_the_place(self) -> None:
        assert await _cancelled_after(requests=1) == []

    async def test_in_flight_ends_the_connection(self) -> None:
        came, ended = asyncio.Event(), asyncio.Event()

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.set()
            await silent(reader, writer)
            ended.set()

        answers: list[Answer] = []
        async with RawServer(behave) as server, opened(server.url) as client:
            cancel = client.send(post(server.url), answers.append)
            await came.wait()
            cancel()
            async with asyncio.timeout(PATIENCE):
                await ended.wait()
        assert answers == []

    async def test_after_the_answer_or_again_changes_nothing(self) -> None:
        answers: list[Answer] = []
        async with Endpoint() as endpoint, opened(endpoint.url, 1) as client:
            cancel = client.send(post(endpoint.url), answers.append)
            response(await send(client, post(endpoint.url)))
            cancel()
            cancel()
        assert [response(answer).status for answer in answers] == [200]


async def _cancelled_after(requests: int) -> list[Answer]:
    """The answers to a request that is cancelled when so many have come; another one needs its place."""
    answers: list[Answer] = []
    async with Endpoint(hanging) as endpoint, opened(endpoint.url, 1) as client:
        cancel = client.send(post(endpoint.url), answers.append)
        await endpoint.received(requests)
        cancel()
        endpoint.script = ok
        response(await send(client, post(endpoint.url)))
    assert len(endpoint.requests) == requests + 1
    return answers


class TestAnswers:
    @pytest.mark.parametrize("url", ["", "http://nowhere:port"])
    async def test_never_come_inside_the_call(self, url: str) -> None:
        answers: list[Answer] = []
        async with Endpoint() as endpoint, opened(endpoint.url, 1) as client:
            client.send(post(url or endpoint.url), answers.append)
            assert answers == []
            await send(client, post(endpoint.url))
            assert len(answers) == 1

    async def test_come_for_all_requests_when_the_client_closes(self) -> None:
        answers: list[Answer] = []
        async with Endpoint(hanging) as endpoint:
            async with opened(endpoint.url, 2) as client:
                for _ in range(5):
                    client.send(post(endpoint.url), answers.append)
                await endpoint.received(2)
            assert [error(answer).reason for answer in answers] == ["reset"] * 5

    async def test_come_also_from_a_client_that_is_closed(self) -> None:
        async with Endpoint() as endpoint:
            async with opened(endpoint.url) as client:
                pass
            assert error(await send(client, post(endpoint.url))).reason == "reset"
        assert endpoint.requests == []
