"""Both ends of the demo: the events that go in, the endpoint where they come out, and whether they agree.

The endpoint refuses an event with a negative total (400) until it is mended, is now and then too busy for
one (503, once or twice) and takes all others (200).
"""

import asyncio
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from itertools import count
from random import Random
from typing import Any, NamedTuple, Self

from aiohttp import web

from processor.core.request.transform import ENVELOPE
from processor.telemetry import definitions
from processor.telemetry.definitions import NAMESPACE

PATH = "/hook"
TENANT = "X-Tenant"
"""The header that some of the events bring."""
ENDPOINT_SECONDS = (0.005, 0.045)
"""How long the endpoint takes to answer."""
REFUSED = "refused 400"
"""What becomes of an event that the endpoint does not want."""
BUSY_CHANCE = 0.05
USERS = 40
EVERY_UNUSUAL = 15
EVERY_ONCE = 100

Event = Mapping[str, Any]
Metrics = Mapping[str, Counter[str]]
"""Numbers by name and by the label that is not the destination."""

_METRIC = re.compile(rf'^{NAMESPACE}_(\w+)\{{destination="\w+"(?:,\w+="(\w+)")?\}} (\S+)$', re.MULTILINE)


class Sample(NamedTuple):
    """A record to be produced, the event in it, and what has to become of it.

    `outcome` is `delivered`, `tombstone` or the reason of a dead letter, with the status if it has one.
    """

    id: str
    key: str
    value: bytes | None
    event: Event
    outcome: str

    @property
    def is_sendable(self) -> bool:
        """Whether it becomes a request."""
        return self.outcome in ("delivered", REFUSED)


def samples(chance: Random) -> Iterator[Sample]:
    """Without end: first the three events of RudderStack's documentation, then a mixture."""
    catalogue = json.loads(files("processor.demo").joinpath("events.json").read_text(encoding="utf-8"))
    for event in catalogue["document"]:
        yield _sample(event, "delivered")
    once = iter(catalogue["once"])
    for number in count(len(catalogue["document"]) + 1):
        entry = {"outcome": "delivered", "event": chance.choice(catalogue["everyday"])}
        if number % EVERY_ONCE == 0:
            entry = next(once, entry)
        elif number % EVERY_UNUSUAL == 0:
            entry = chance.choice(catalogue["unusual"])
        yield _numbered(number, f"user-{chance.randrange(USERS):02}", entry)


def _numbered(number: int, key: str, entry: Mapping[str, Any]) -> Sample:
    common = {
        "messageId": f"demo-{number:05}",
        "userId": key,
        "originalTimestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    if "event" in entry:
        return _sample(entry["event"] | common, entry["outcome"])
    value = entry["text"].encode() if "text" in entry else None
    return Sample(common["messageId"], key, value, {}, entry["outcome"])


def _sample(event: Event, outcome: str) -> Sample:
    value = json.dumps(event, ensure_ascii=False).encode()
    return Sample(event["messageId"], event["userId"], value, event, outcome)


def title(event: Event) -> str:
    """The event's type and name."""
    return f"{event.get('type', '')} {event.get('event') or event.get('name') or ''}".strip()


class Visit(NamedTuple):
    """A request that the endpoint has answered; `alone`: no other of its key was under way."""

    event: Event
    path: str
    tenant: str | None
    attempt: int
    status: int
    alone: bool

    @property
    def id(self) -> str:
        return str(self.event["messageId"])

    @property
    def key(self) -> str:
        """The key of the event's record."""
        return str(self.event["userId"])

    def is_as_asked(self, sample: Sample) -> bool:
        """Whether this is the request that `sample` asked for: body, path and header."""
        asked = sample.event
        return (
            self.event == {name: value for name, value in asked.items() if name not in ENVELOPE}
            and self.path == PATH + asked.get("appendPath", "")
            and self.tenant == asked.get("header", {}).get(TENANT)
        )


class Endpoint:
    """An HTTP server on this machine; `visited` is told of every answer."""

    def __init__(self, visited: Callable[[Visit], None], chance: Random) -> None:
        self._visited = visited
        self._chance = chance
        self._attempts: Counter[str] = Counter()
        self._busy: dict[str, int] = {}
        self._is_mended = False
        self._running: Counter[str] = Counter()
        app = web.Application()
        app.router.add_post("/{tail:.*}", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen there, 0 being any free port; the URL of the webhook."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        return f"http://{host}:{self._runner.addresses[0][1]}{PATH}"

    async def close(self) -> None:
        await self._runner.cleanup()

    def mend(self) -> None:
        """From now on it takes what it refused."""
        self._is_mended = True

    async def _receive(self, request: web.Request) -> web.Response:
        event = await request.json()
        key = event["userId"]
        self._running[key] += 1
        is_alone = self._running[key] == 1
        await asyncio.sleep(self._chance.uniform(*ENDPOINT_SECONDS))
        self._running[key] -= 1
        status, answer = self._judge(event)
        attempt = self._count(event["messageId"], status)
        tenant = request.headers.get(TENANT)
        self._visited(Visit(event, request.path_qs, tenant, attempt, status, is_alone))
        return web.json_response(answer, status=status)

    def _judge(self, event: Event) -> tuple[int, Event]:
        if event.get("properties", {}).get("total", 0) < 0 and not self._is_mended:
            return 400, {"error": "total must not be negative"}
        if event["messageId"] not in self._busy:
            self._busy[event["messageId"]] = self._times_too_busy()
        if self._attempts[event["messageId"]] < self._busy[event["messageId"]]:
            return 503, {"error": "too busy"}
        return 200, {"ok": True}

    def _times_too_busy(self) -> int:
        return self._chance.choice((1, 1, 2)) if self._chance.random() < BUSY_CHANCE else 0

    def _count(self, message: str, status: int) -> int:
        """Which attempt this was; forgotten with the last."""
        self._attempts[message] += 1
        attempt = self._attempts[message]
        if status < 500:
            del self._attempts[message]
            self._busy.pop(message, None)
        return attempt


class Account(NamedTuple):
    """What became of the records, and how many attempts were followed by another."""

    delivered: int
    dead_letters: Mapping[str, int]
    skipped: int
    retried: int

    @property
    def settled(self) -> int:
        """Of how many records something became."""
        return self.delivered + sum(self.dead_letters.values()) + self.skipped

    @classmethod
    def expected(cls, sent: Iterable[Sample], visits: Iterable[Visit]) -> Self:
        """What has to become of these events, the endpoint having been busy so often."""
        reasons = Counter(sample.outcome for sample in sent)
        delivered, skipped = reasons.pop("delivered", 0), reasons.pop("tombstone", 0)
        return cls(delivered, reasons, skipped, sum(visit.status == 503 for visit in visits))

    @classmethod
    def found(cls, visits: Collection[Visit], reasons: Iterable[str], skipped: int) -> Self:
        """What came out; who looks from outside cannot see what was skipped, and has to be told."""
        delivered = {visit.id for visit in visits if visit.status == 200}
        retried = len(visits) - len({visit.id for visit in visits})
        return cls(len(delivered), Counter(reasons), skipped, retried)

    @classmethod
    def reported(cls, metrics: Metrics) -> Self:
        """What the processor says itself."""
        outcomes = metrics[definitions.DELIVERIES.name]
        return cls(
            outcomes["delivered"],
            metrics[definitions.DEAD_LETTERS.name],
            outcomes["skipped"],
            metrics[definitions.RETRIES.name].total(),
        )


class Facts(NamedTuple):
    """All that has to add up.

    `expected` follows from the events and the endpoint's answers, `found` was seen at the endpoint and
    in the dead-letter topic, `reported` stands in /metrics (reasons without status). Positions are by
    partition, `statuses` by page; `altered` and `disordered` name events and keys, `refused` the events whose
    dead letters were sent again, `came_back` those that were delivered then.
    """

    produced: int
    keys: int
    expected: Account
    found: Account
    reported: Account
    repeated: int
    altered: Sequence[str]
    disordered: Sequence[str]
    ends: Mapping[int, int]
    committed: Mapping[int, int]
    statuses: Mapping[str, int]
    refused: Collection[str] = ()
    came_back: Collection[str] = ()


def discrepancies(facts: Facts) -> list[str]:
    """What does not add up, each in a sentence."""
    found, settled = facts.found, facts.found.settled
    by_code: Counter[str] = Counter()
    for reason, number in found.dead_letters.items():
        by_code[reason.partition(" ")[0]] += number
    checks = [
        (facts.produced == settled, f"{facts.produced} were produced, of {settled} something became"),
        (facts.produced == sum(facts.ends.values()), f"the topic holds {sum(facts.ends.values())} records"),
        (not facts.repeated, f"{facts.repeated} were delivered more than once"),
        (not facts.altered, f"not as the event asked: {', '.join(facts.altered)}"),
        (not facts.disordered, f"out of order: {', '.join(facts.disordered)}"),
        (facts.committed == facts.ends, f"committed {facts.committed}, the topic ends at {facts.ends}"),
        *((status == 200, f"{page} answers {status}") for page, status in facts.statuses.items()),
        (
            Counter(facts.came_back) == Counter(facts.refused),
            f"{len(facts.refused)} dead letters were sent again, {len(facts.came_back)} were delivered",
        ),
        *_equal("expected", facts.expected, found),
        *_equal("in /metrics", facts.reported, found._replace(dead_letters=by_code)),
    ]
    return [sentence for holds, sentence in checks if not holds]


def _equal(side: str, account: Account, found: Account) -> Iterator[tuple[bool, str]]:
    for name, one, other in zip(Account._fields, account, found, strict=True):
        yield one == other, f"{name.replace('_', ' ')}: {one} {side}, {other} found"


def disordered(sent: Iterable[Sample], visits: Iterable[Visit]) -> list[str]:
    """The keys of which an event was tried before the earlier ones were settled, or two at once."""
    wanted: dict[str, list[str]] = defaultdict(list)
    tried: dict[str, list[str]] = defaultdict(list)
    for sample in sent:
        if sample.is_sendable:
            wanted[sample.key].append(sample.id)
    crowded = set()
    for visit in visits:
        if tried[visit.key][-1:] != [visit.id]:
            tried[visit.key].append(visit.id)
        if not visit.alone:
            crowded.add(visit.key)
    return sorted(crowded | {key for key in wanted.keys() | tried.keys() if wanted[key] != tried[key]})


def altered(sent: Iterable[Sample], visits: Iterable[Visit], dead: Iterable[bytes | None]) -> list[str]:
    """The events that came out otherwise than they asked for, and dead letters that hold no such event."""
    by_id = {sample.id: sample for sample in sent}
    values = {sample.value for sample in by_id.values()}
    changed = {v.id for v in visits if v.id not in by_id or not v.is_as_asked(by_id[v.id])}
    return sorted(changed) + [f"dead letter {value!r}" for value in dead if value not in values]


def read(metrics: str) -> Metrics:
    """The page /metrics as numbers."""
    numbers: dict[str, Counter[str]] = defaultdict(Counter)
    for name, label, value in _METRIC.findall(metrics):
        numbers[name][label] += int(float(value))
    return numbers
