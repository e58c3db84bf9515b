"""A schema registry for tests: what one does that speaks Confluent's API, and what one does that fails.

`test_registry_contract` holds it to what a real one does.
"""

import asyncio
import json
from collections.abc import Awaitable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote

from tests.support.endpoint import Arrival, Endpoint, Reply

JSON = (("Content-Type", "application/vnd.schemaregistry.v1+json"),)
Answers = Mapping[str, Any]


class FakeRegistry:
    """`schemas` maps an id, or `guid:GUID`, to what is answered; `subjects` a subject and version, `S/V`.

    While there is a `fault`, it is the answer to all; without `is_answering` there is none at all. With
    `login` a question needs that header `Authorization`; `tokens` is what POST /token grants, one each time.
    """

    def __init__(
        self, schemas: Answers | None = None, subjects: Answers | None = None, port: int = 0
    ) -> None:
        self.schemas = dict(schemas or {})
        self.subjects = dict(subjects or {})
        self.fault: Reply | None = None
        self.is_answering = True
        self.login: str | None = None
        self.tokens: list[dict[str, Any]] = []
        self._endpoint = Endpoint(self._answer, port=port)

    @property
    def url(self) -> str:
        """Its base path is one of several segments."""
        return f"{self._endpoint.url}/apis/ccompat/v7"

    @property
    def origin(self) -> str:
        return self._endpoint.url

    @property
    def port(self) -> int:
        return self._endpoint.port

    @property
    def requests(self) -> list[Arrival]:
        """All that came."""
        return self._endpoint.requests

    def asked(self) -> list[str]:
        """For what, in order, without tokens."""
        return [
            each.target.removeprefix("/apis/ccompat/v7") for each in self.requests if each.method == "GET"
        ]

    async def __aenter__(self) -> Self:
        await self._endpoint.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._endpoint.__aexit__(kind, error, trace)

    def _answer(self, arrival: Arrival) -> Reply | Awaitable[Reply]:
        if arrival.method == "POST" and arrival.target == "/token":
            return self._token(arrival)
        if not self.is_answering:
            return asyncio.get_running_loop().create_future()
        if self.fault is not None:
            return self.fault
        if self.login is not None and arrival.header("Authorization") != self.login:
            return _json({"error_code": 401, "message": "Unauthorized"}, 401)
        path = arrival.target.removeprefix("/apis/ccompat/v7")
        if path == arrival.target:
            return Reply(404, (("Content-Type", "text/html"),), b"<html>Not Found</html>")
        return self._of(arrival, [unquote(part) for part in path.strip("/").split("/")])

    def _of(self, arrival: Arrival, parts: list[str]) -> Reply:
        match parts:
            case ["subjects"]:
                return _json(sorted({name.rpartition("/")[0] for name in self.subjects}))
            case ["schemas", "ids", number] if number.isdecimal() and int(number) < 2**31:
                return _found(self.schemas.get(number), 40403)
            case ["schemas", "guids", guid]:
                return _found(self.schemas.get(f"guid:{guid}"), 40403)
            case ["subjects", subject, "versions"] if arrival.method == "POST":
                return self._register(subject, json.loads(arrival.body))
            case ["subjects", subject, "versions", version]:
                is_known = any(name.rpartition("/")[0] == subject for name in self.subjects)
                return _found(self.subjects.get(f"{subject}/{version}"), 40402 if is_known else 40401)
        return Reply(404, JSON, b'{"error_code":404,"message":"HTTP 404 Not Found"}')

    def _register(self, subject: str, said: dict[str, Any]) -> Reply:
        number = str(len(self.schemas) + 1)
        version = 1 + sum(name.rpartition("/")[0] == subject for name in self.subjects)
        self.schemas[number] = said
        self.subjects[f"{subject}/{version}"] = {
            **said,
            "subject": subject,
            "version": version,
            "id": int(number),
        }
        return _json({"id": int(number)})

    def _token(self, arrival: Arrival) -> Reply:
        asked = parse_qs(arrival.body.decode())
        if asked.get("grant_type") != ["client_credentials"] or not self.tokens:
            return _json({"error": "invalid_client"}, 401)
        return _json(self.tokens.pop(0))


def _found(answer: Any, code: int) -> Reply:
    if answer is None:
        return _json({"error_code": code, "message": "not found"}, 404)
    return _json(answer)


def _json(said: Any, status: int = 200) -> Reply:
    return Reply(status, JSON, json.dumps(said).encode())
