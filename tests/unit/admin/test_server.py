"""What operators and their machines get to see, and what nobody gets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from processor.admin.connections import LIMITS, PROTECTION, TELL_SECONDS, Limits
from processor.admin.server import Admin
from processor.config.operators import AdminSettings
from processor.errors import FatalError
from processor.model import About, Report
from processor.telemetry.watch import Batch, Filter
from tests.support.endpoint import HOST
from tests.support.patience import PATIENCE


class Shown:
    """Pages that can be set."""

    def __init__(self) -> None:
        self.is_live = Report(True, {"loop": "turning"})
        self.is_ready = Report(True, {"kafka": "connected", "endpoint": "answers"})
        self.exposition = b"up 1.0\n"
        self.accepted: list[str] = []
        self.looked: dict[str, Filter] = {}
        self.batch = Batch((), 0)

    def metrics(self, accept: str) -> tuple[bytes, str]:
        self.accepted.append(accept)
        return self.exposition, "text/plain; version=0.0.4; charset=utf-8"

    def liveness(self) -> Report:
        return self.is_live

    def readiness(self) -> Report:
        return self.is_ready

    def about(self) -> About:
        return About("crm", "1.2.3", "https://h.example", "none", None)

    def look(self, who: str, wanted: Filter) -> Batch:
        self.looked[who] = wanted
        batch, self.batch = self.batch, Batch((), 0)
        return batch

    def unsubscribe(self, who: str) -> None:
        del self.looked[who]


class Page:
    """One answer, taken apart."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        self.status = int(status_line.split(" ")[1])
        self.headers = dict(line.split(": ", 1) for line in lines)


@asynccontextmanager
async def listening(
    pages: Shown | None = None,
    *,
    token: str | None = None,
    live: bool = False,
    limits: Limits = LIMITS,
    **said: Any,
) -> AsyncIterator[int]:
    """The port of an admin server."""
    settings = AdminSettings(
        **{"host": HOST, "port": 0, "token": None if token is None else SecretStr(token), **said}
    )
    admin = Admin(settings, pages or Shown(), live=live, limits=limits)
    port = await admin.open()
    try:
        yield port
    finally:
        await admin.close()


async def page(port: int, request: str, *headers: str, host: str = "x", at: str = HOST) -> Page:
    """The answer to a request line."""
    reader, writer = await asyncio.open_connection(at, port)
    writer.write("\r\n".join([request, f"Host: {host}", "Connection: close", *headers, "", ""]).encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return Page(answer)


async def test_metrics_are_given_as_they_come_from_the_pages() -> None:
    pages = Shown()
    async with listening(pages) as port:
        got = await page(port, "GET /metrics HTTP/1.1", "Accept: application/openmetrics-text")
    assert (got.status, got.body) == (200, b"up 1.0\n")
    assert got.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert pages.accepted == ["application/openmetrics-text"]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", ""),
        ("text/plain;version=x.y", ""),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", ""),
        ("application/openmetrics-text;version=x", "application/openmetrics-text"),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3", "application/openmetrics-text"),
        ("*/*;q=\x80,;;=", ""),
    ],
)
async def test_metrics_are_had_in_two_formats_whatever_is_accepted(accept: str, form: str) -> None:
    pages = Shown()
    async with listening(pages) as port:
        assert (await page(port, "GET /metrics HTTP/1.1", f"Accept: {accept}")).status == 200
    assert pages.accepted == [form]


@pytest.mark.parametrize(
    "said", ["nonsense", "GET", "GET / HTTP/9.9", "GET / HTTP/1.1\r\nA B: c", "\x16\x03\x01"]
)
async def test_what_is_no_request_learns_nothing_and_gets_the_same_protection(said: str) -> None:
    async with listening() as port:
        got = await page(port, said)
    assert (got.status, got.body) == (400, b"Bad Request\n")
    assert {name: got.headers[name] for name in PROTECTION} == PROTECTION


async def test_a_page_that_fails_is_protected_too_and_a_line_in_the_log_not_a_thousand(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Shown):
        def readiness(self) -> Report:
            raise ZeroDivisionError

    now = asyncio.get_running_loop().time
    async with listening(Broken()) as port:
        began = now()
        got, *_ = [await page(port, "GET /readyz HTTP/1.1") for _ in range(10)]
        seconds = now() - began
    assert (got.status, got.body) == (500, b"Internal Server Error\n")
    assert {name: got.headers[name] for name in PROTECTION} == PROTECTION
    lines = [line for line in caplog.records if line.name == "admin"]
    assert 1 <= len(lines) <= 1 + seconds / TELL_SECONDS
    assert lines[0].getMessage() == "a page failed: /readyz"
    assert lines[0].exc_info
    assert lines[0].exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("localhost:8080", 200), ("live.example.com", 200), ("evil.example", 403)],
)
async def test_events_are_not_shown_under_a_name_that_a_stranger_can_have(host: str, status: int) -> None:
    pages = Shown()
    limits = LIMITS._replace(stream=0)
    async with listening(pages, live=True, limits=limits, allowed_hosts="live.example.com") as port:
        got = await page(port, "GET /live/events HTTP/1.1", host=host)
        assert got.status == status
        assert (b"crm" in got.body) is (status == 200)
        for path in ("/metrics", "/livez", "/readyz", "/live"):
            assert (await page(port, f"GET {path} HTTP/1.1", host=host)).status == 200


async def test_who_has_the_token_sees_events_under_any_name() -> None:
    async with listening(live=True, token=TOKEN, limits=LIMITS._replace(stream=0)) as port:
        asked = ("GET /live/events HTTP/1.1", f"Authorization: Bearer {TOKEN}")
        assert (await page(port, *asked, host="any.example")).status == 200


@pytest.mark.parametrize(
    ("path", "checks"),
    [
        ("/livez", {"loop": "turning"}),
        ("/healthz", {"loop": "turning"}),
        ("/readyz", {"kafka": "connected", "endpoint": "answers"}),
        ("/readyz?verbose", {"kafka": "connected", "endpoint": "answers"}),
    ],
)
async def test_a_probe_that_passes_is_200(path: str, checks: dict[str, str]) -> None:
    async with listening() as port:
        got = await page(port, f"GET {path} HTTP/1.1")
    assert got.status == 200
    assert json.loads(got.body) == {"ok": True, "checks": checks}
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_a_probe_that_fails_is_503_and_only_that_one() -> None:
    pages = Shown()
    async with listening(pages) as port:
        pages.is_ready = Report(False, {"kafka": "no broker for 30 s"})
        ready, live = await page(port, "GET /readyz HTTP/1.1"), await page(port, "GET /livez HTTP/1.1")
        assert (ready.status, live.status) == (503, 200)
        assert json.loads(ready.body) == {"ok": False, "checks": {"kafka": "no broker for 30 s"}}
        pages.is_live = Report(False, {"loop": "stuck"})
        assert (await page(port, "GET /livez HTTP/1.1")).status == 503


async def test_the_root_names_the_pages() -> None:
    async with listening() as port:
        got = await page(port, "GET / HTTP/1.1")
    assert got.status == 200
    assert all(path in got.body for path in (b"/metrics", b"/livez", b"/readyz"))


@pytest.mark.parametrize("path", ["/", "/metrics", "/livez", "/readyz", "/healthz"])
async def test_head_has_the_head_and_no_body(path: str) -> None:
    async with listening() as port:
        got = await page(port, f"HEAD {path} HTTP/1.1")
    assert (got.status, got.body) == (200, b"")
    assert int(got.headers["Content-Length"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/livez"])
async def test_nothing_can_be_changed(method: str, path: str) -> None:
    async with listening() as port:
        got = await page(port, f"{method} {path} HTTP/1.1")
    assert got.status == 405
    assert got.headers["Allow"] == "GET,HEAD"


@pytest.mark.parametrize(
    "path", ["/config", "/metrics/", "/../etc/passwd", "/%2e%2e/x", "/live", "/live/events"]
)
async def test_there_is_nothing_else(path: str) -> None:
    async with listening() as port:
        assert (await page(port, f"GET {path} HTTP/1.1")).status == 404


@pytest.mark.parametrize(
    "request_line", ["GET /livez HTTP/1.1", "GET /none HTTP/1.1", "POST / HTTP/1.1", "HEAD /metrics HTTP/1.1"]
)
async def test_every_page_is_kept_from_caches_sniffers_and_scripts(request_line: str) -> None:
    async with listening() as port:
        got = await page(port, request_line)
    assert got.headers["Cache-Control"] == "no-store"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert got.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert got.headers["Referrer-Policy"] == "no-referrer"
    assert got.headers["X-Frame-Options"] == "DENY"
    assert got.headers["Server"] == "webhook-processor"


TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("path", ["/metrics", "/metrics?x", "/metr%69cs", "/live/events"])
@pytest.mark.parametrize(
    "said",
    [
        (),
        ("Authorization: Bearer",),
        (f"Authorization: Bearer {TOKEN}x",),
        (f"Authorization: Basic {TOKEN}",),
    ],
)
async def test_where_there_is_a_token_events_and_metrics_are_for_those_who_have_it(
    path: str, said: tuple[str, ...]
) -> None:
    async with listening(token=TOKEN, live=True) as port:
        got = await page(port, f"GET {path} HTTP/1.1", *said)
    assert got.status == 401
    assert got.headers["WWW-Authenticate"] == 'Bearer realm="webhook-processor"'
    assert b"up 1.0" not in got.body
    assert TOKEN.encode() not in got.body


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
async def test_who_has_the_token_gets_the_metrics(scheme: str) -> None:
    async with listening(token=TOKEN) as port:
        got = await page(port, "GET /metrics HTTP/1.1", f"Authorization: {scheme} {TOKEN}")
    assert (got.status, got.body) == (200, b"up 1.0\n")


@pytest.mark.parametrize("path", ["/", "/livez", "/healthz", "/readyz"])
async def test_probes_need_no_token(path: str) -> None:
    async with listening(token=TOKEN) as port:
        assert (await page(port, f"GET {path} HTTP/1.1")).status == 200


@pytest.mark.parametrize("live", [True, False])
async def test_the_root_names_the_live_page_where_there_is_one(live: bool) -> None:
    async with listening(live=live) as port:
        assert (b"/live " in (await page(port, "GET / HTTP/1.1")).body) is live


async def test_a_large_body_is_not_waited_for() -> None:
    async with listening() as port, asyncio.timeout(PATIENCE):
        assert (await page(port, "POST /livez HTTP/1.1", "Content-Length: 100000000")).status == 405


@pytest.mark.parametrize("said", [b"", b"GET /livez HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"])
async def test_closing_does_not_wait_for_those_who_dawdle(said: bytes) -> None:
    async with asyncio.timeout(PATIENCE):
        async with listening() as port:
            _, writer = await asyncio.open_connection(HOST, port)
            writer.write(said)
            await page(port, "GET /livez HTTP/1.1")
        writer.close()


@pytest.mark.slow
async def test_closing_does_not_wait_for_those_who_do_not_read() -> None:
    pages = Shown()
    pages.exposition = bytes(50_000_000)
    async with asyncio.timeout(PATIENCE):
        async with listening(pages) as port:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
        writer.close()


async def test_the_port_is_free_again_after_closing() -> None:
    async with listening() as port:
        pass
    admin = Admin(AdminSettings(host=HOST, port=port), Shown())
    assert await admin.open() == port
    await admin.close()


async def test_a_port_that_is_taken_is_named_with_its_setting() -> None:
    async with listening() as port:
        with pytest.raises(FatalError, match=rf"{HOST}:{port}: Address already in use; set admin\.port"):
            await Admin(AdminSettings(host=HOST, port=port), Shown()).open()
