"""The door of the schema registry: a schema asked for, with all that it refers to, and made a decoder.

Promises: who asks is told once, later, on the event loop, and within `LONGEST_SECONDS`: a decoder, why the
schema is none, that it is not there, or that it is not to be had. Of several URLs the first that answers
counts; the next question begins with it. Schemas for which the registry hangs leave turns to others. Nothing
here raises, or keeps the loop waiting: files are read in threads, and schemas made decoders in one of their
own, one at a time.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import quote

from yarl import URL

from processor.config.services.registry import SchemaRegistrySettings
from processor.core.record.frame import HIGHEST_ID, Schema
from processor.core.record.registry.answers import Answer, Away, Definition, Missing, Result, read, refusal
from processor.core.record.registry.references import Walk, Whole
from processor.core.redaction import NOTHING_SECRET, Secrets
from processor.errors import EventError, TransportError
from processor.telemetry.facts import Facts
from processor.web.registry.identity import Identity, Proof
from processor.web.services.oauth import TokenError, Tokens
from processor.web.services.service import Reply, Service

LONGEST_SECONDS = 60.0
"""For a schema with all that it refers to."""
MOST_AT_ONCE = 16
"""Schemas that are asked for; others wait for their turn."""
MOST_AGAIN = 8
"""Of these, those that were not answered before: what hangs keeps nobody waiting who is asked for first."""
MOST_UNANSWERED = 20_000
"""Of so many it is remembered that they were not."""
_ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"
_UNREACHABLE = frozenset(
    ("connect", "dns", "tls", "certificate", "client_certificate", "connect_timeout", "http2_only", "blocked")
)
_MALFORMED = frozenset(("malformed", "too_large"))

Decoder = TypeVar("Decoder")


class Registry(Generic[Decoder]):
    """The one that the settings name. `made` makes a decoder of a schema, or raises EventError."""

    def __init__(
        self,
        settings: SchemaRegistrySettings,
        made: Callable[[Whole], Decoder],
        *,
        files: Mapping[str, Path],
        secrets: Secrets = NOTHING_SECRET,
    ) -> None:
        """`files` as Identity has them. Raises ConfigError for TLS files that cannot be used."""
        self._urls = settings.urls()
        self._made = made
        self._identity = Identity(settings, files, secrets)
        self._service = Service(settings.timeout)
        self._longest = max(LONGEST_SECONDS, settings.timeout)
        self._secrets = secrets
        self._first = 0
        self._unanswered: dict[Schema, None] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def open(self, facts: Facts) -> None:
        """Ask nothing yet; `facts` are told of each question."""
        self._facts = facts
        self._loop = asyncio.get_running_loop()
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._turns_again = asyncio.Semaphore(MOST_AGAIN)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="schemas")
        self._tokens = Tokens(self._service, self._secrets, "schema_registry.oauth token", self._loop.time)

    async def close(self) -> None:
        """Who waits is told nothing any more."""
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._tokens.close()
        await self._service.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def fetch(self, schema: Schema, told: Callable[[Decoder | EventError | Missing | Away], None]) -> None:
        """Ask for a schema; `told` is told what it comes to."""
        task = self._loop.create_task(self._fetch(schema, told))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def greet(self) -> str | Away:
        """Ask what any registry answers; where it did."""
        answer = await self._first_of("/subjects", _of_subjects)
        return answer if isinstance(answer, Away) else self._urls[self._first]

    async def _fetch(
        self, schema: Schema, told: Callable[[Decoder | EventError | Missing | Away], None]
    ) -> None:
        answer: Decoder | EventError | Missing | Away
        before = self._turns_again if schema in self._unanswered else nullcontext()
        try:
            async with asyncio.timeout(self._longest), before, self._turns:
                whole = await self._whole(schema)
                if isinstance(whole, Whole):
                    answer = await self._loop.run_in_executor(self._thread, self._made, whole)
                else:
                    answer = whole
        except TimeoutError:
            answer = Away(Result.UNANSWERED, f"{schema} is not answered in {self._longest:g} s")
        except EventError as error:
            answer = error
        except ImportError as error:
            lack = (
                f"{schema} needs {error.name}, which is not there: install kafka-webhook-processor[formats]"
            )
            answer = Away(Result.MALFORMED, lack)
        except Exception as error:  # noqa: BLE001 - whoever waits would wait for ever
            self._loop.call_exception_handler({"message": f"{schema} could not be had", "exception": error})
            answer = Away(Result.MALFORMED, f"{schema} could not be had: {type(error).__name__}")
        self._remember(schema, answer)
        told(answer)

    def _remember(self, schema: Schema, answer: object) -> None:
        self._unanswered.pop(schema, None)
        if isinstance(answer, Away) and answer.result is Result.UNANSWERED:
            self._unanswered[schema] = None
            if len(self._unanswered) > MOST_UNANSWERED:
                del self._unanswered[next(iter(self._unanswered))]

    async def _whole(self, schema: Schema) -> Whole | Missing | Away:
        """A schema with all that it refers to. Raises EventError."""
        answer = await self._first_of(_path(schema), _of_schema)
        if isinstance(answer, Away) and answer.result is Result.WRONG_PATH and _is_rare(schema):
            return await self._judged(schema, answer)
        if not isinstance(answer, Definition):
            return answer
        walk = Walk(str(schema), answer)
        while (reference := walk.wanted()) is not None:
            subject = quote(reference.subject, safe="")
            found = await self._first_of(f"/subjects/{subject}/versions/{reference.version}", _of_schema)
            if isinstance(found, Missing):
                return Missing(f"{found.message}, for what it refers to")
            if isinstance(found, Away):
                return found
            walk.found(reference, found)
        return walk.whole()

    async def _judged(self, schema: Schema, wrong_path: Away) -> Missing | Away:
        """A registry without such a path has no such schema; whether it is one, tells what all answer."""
        greeting = await self._first_of("/subjects", _of_subjects)
        if isinstance(greeting, Away) and greeting.result is not Result.FORBIDDEN:
            return wrong_path
        return Missing(f"404: it knows no {'GUIDs' if schema.kind == 'guid' else 'such numbers'}")

    async def _first_of(self, path: str, read_: Callable[[Reply], Answer]) -> Answer:
        """What the first URL says that says anything."""
        proof = self._identity.proof(await self._service.apart(self._identity.read))
        answer: Answer = Away(Result.UNREACHABLE, "it has no URL")
        for turn in range(len(self._urls)):
            number = (self._first + turn) % len(self._urls)
            answer = await self._ask(self._urls[number], path, proof, read_)
            if not isinstance(answer, Away):
                self._first = number
                break
        return answer

    async def _ask(self, url: str, path: str, proof: Proof, read_: Callable[[Reply], Answer]) -> Answer:
        """One question; a token that is refused is asked for anew, once."""
        host = URL(url).host_port_subcomponent
        try:
            reply = await self._with_token(url + path, proof)
            if reply.status == 401 and proof.client is not None:
                reply = await self._with_token(url + path, proof)
            answer = read_(reply)
        except TransportError as error:
            answer = Away(_result_of(error), error.message)
        except TokenError as error:
            answer = Away(Result.UNAUTHORIZED, f"no token from schema_registry.oauth.token_url: {error}")
        if isinstance(answer, Away):
            answer = answer._replace(reason=f"the schema registry at {host} cannot be asked: {answer.reason}")
            self._facts.registry_failed(answer.result.value, answer.reason)
        else:
            self._facts.registry_answered(is_found=isinstance(answer, Definition))
        return answer

    async def _with_token(self, url: str, proof: Proof) -> Reply:
        headers = {"Accept": _ACCEPT, **proof.headers}
        if proof.client is None:
            return await self._service.ask(url, proof.context, headers)
        token = await self._tokens.get(proof.client, proof.context)
        headers["Authorization"] = f"Bearer {token}"
        reply = await self._service.ask(url, proof.context, headers)
        if reply.status == 401:
            self._tokens.refused(token)
        return reply


def _is_rare(schema: Schema) -> bool:
    """Whether it is asked for by what not all registries know: a record may name it by chance."""
    return isinstance(schema.value, str) or schema.value > HIGHEST_ID


def _path(schema: Schema) -> str:
    return f"/schemas/{'guids' if schema.kind == 'guid' else 'ids'}/{schema.value}"


def _of_schema(reply: Reply) -> Answer:
    return read(*reply)


def _of_subjects(reply: Reply) -> Answer:
    """A list of whatever there is."""
    if reply.status != 200:
        return refusal(reply.status)
    is_list = reply.body.lstrip()[:1] == b"["
    return Definition("") if is_list else read(*reply)


def _result_of(error: TransportError) -> Result:
    if error.reason in _UNREACHABLE:
        return Result.UNREACHABLE
    return Result.MALFORMED if error.reason in _MALFORMED else Result.UNANSWERED
