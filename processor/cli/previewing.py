"""What `preview` shows of a record: the request that it would become, or why it would become none.

Promises: the record is prepared by what `run` prepares it with, schemas of a registry included; a schema that
the registry does not know refuses it at once, as it would after `schema_registry.missing_after`. The request
is shown as it would leave at one moment, as a first attempt.
"""

from __future__ import annotations

import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Self

from processor.cli.verdict import decode_of
from processor.core.request.transform import Prepared
from processor.errors import EventError
from processor.model import Record, Request
from processor.traffic.preparation import Held, Later, Preparation, Preparing, Result, Skipped
from processor.web.credentials.proofs import shown as authorised

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType

    from processor.config.settings import Settings
    from processor.framed.rooms import Framed


FIRST = 1
"""Which attempt is shown."""


class Previewing:
    """Shows records, one after the other. Raises ConfigError."""

    def __init__(self, settings: Settings, at: float | None = None) -> None:
        """`at`: the timestamp at which requests leave; None: the present moment of each."""
        self._attempt_headers = settings.attempt_headers()
        self._at = at
        self._destination = settings.destination
        self._plain = Preparation(
            settings.request_policy(), settings.filter_policy(), settings.record_policy(), decode_of(settings)
        )
        self._framed = _framed(settings) if settings.uses_registry else None
        self._runner: asyncio.Runner | None = None
        self._preparing: Preparing = self._plain

    def __enter__(self) -> Self:
        if self._framed is not None:
            import asyncio

            from processor.telemetry.facts import Facts

            self._runner = asyncio.Runner()
            loop = self._runner.get_loop()
            self._runner.run(self._framed.open(Facts()))
            self._preparing = self._framed.preparing(self._plain, loop, _half)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._framed is not None and self._runner is not None:
            self._runner.run(self._framed.close())
            self._runner.close()

    def show(self, record: Record) -> dict[str, Any]:
        """What becomes of a record, as JSON has it."""
        if self._runner is None:
            result = self._preparing.prepare(record, _never)
            assert not isinstance(result, Later)
            return shown(self._leaving(record, result))
        return shown(self._leaving(record, self._runner.run(self._prepared(record))))

    def _leaving(self, record: Record, result: Result) -> Result:
        """The same as it leaves: with what an attempt says anew, and what proves who we are, masked."""
        if not isinstance(result, Request | Prepared):
            return result
        is_foreign = isinstance(result, Prepared) and result.is_foreign
        request = result if isinstance(result, Request) else result.request
        at = time.time() if self._at is None else self._at
        if self._attempt_headers is not None:
            made = self._attempt_headers.make(request, record, at, FIRST, is_foreign=is_foreign)
            request = request._replace(attempt_headers=made)
        auth = self._destination.auth
        if auth.type == "none" or (is_foreign and not self._destination.allowed_hosts_get_secrets):
            return request
        return authorised(auth, request, at)

    async def _prepared(self, record: Record) -> Result:
        assert self._runner is not None
        later: asyncio.Future[Result] = self._runner.get_loop().create_future()
        result = self._preparing.prepare(record, lambda _, result: later.set_result(result))
        return await later if isinstance(result, Later) else result


def _framed(settings: Settings) -> Framed:
    from processor.framed.rooms import Framed

    return Framed(settings, missing_after=0.0)


def shown(result: Result) -> dict[str, Any]:
    """What is shown of what becomes of a record."""
    match result:
        case EventError():
            return {"error": {"code": result.code, "message": result.message}}
        case Skipped(reason):
            return {"skipped": reason}
        case Held(reason):
            return {"held": reason}
    request = result if isinstance(result, Request) else result.request
    headers = dict((*request.headers, *request.attempt_headers))
    shown = {"method": request.method, "url": request.url, "headers": headers}
    try:
        return {**shown, "body": None if request.body is None else request.body.decode()}
    except UnicodeDecodeError:
        return {**shown, "body_base64": b64encode(request.body or b"").decode()}


def _half() -> float:
    return 0.5


def _never(_: Record, result: Result) -> None:
    raise AssertionError(result)
