"""The nouns that pass from room to room: plain values, created once per record, never changed.

Times are seconds as float. `monotonic` times come from the loop's clock and mean nothing outside
this process; `timestamp` times are seconds since 1970 UTC.

A `Record` is made and looked into for every event, hence a `Struct`: that is much cheaper.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from msgspec import Struct

from processor.errors import TransportError

RECORD_OVERHEAD_BYTES = 500
"""What a waiting record costs beside its payload, measured as resident memory per empty record."""
HEADER_OVERHEAD_BYTES = 150
"""What a header costs beside its name and value: a tuple, a text and bytes, as `sys.getsizeof` has them."""

Headers = tuple[tuple[str, str], ...]
RecordHeaders = tuple[tuple[str, bytes | None], ...]


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        """As people write it: `topic/3`."""
        return f"{self.topic}/{self.number}"


class Record(Struct, frozen=True, gc=False):
    """One Kafka record, as it was read in one assignment (`epoch`) of its partition.

    `headers` is None where they cannot be read, `timestamp` None where there is none.
    """

    partition: Partition
    offset: int
    key: bytes | None
    value: bytes | None
    headers: RecordHeaders | None
    timestamp: float | None
    epoch: int

    def weight(self) -> int:
        """About how many bytes of memory it takes while it waits, whatever of it is large."""
        weight = RECORD_OVERHEAD_BYTES + len(self.value or b"") + len(self.key or b"")
        if not self.headers:
            return weight
        sizes = (HEADER_OVERHEAD_BYTES + len(name) + len(value or b"") for name, value in self.headers)
        return weight + sum(sizes)


class Position(NamedTuple):
    """Where a partition stands: the next offset to read, and the commit metadata kept beside it."""

    offset: int
    metadata: str = ""


class Commit(NamedTuple):
    """A position that is to be committed in the assignment in which it was reached, and in no other."""

    epoch: int
    position: Position


class Assigned(NamedTuple):
    """Partitions that are ours from now on, with what was committed (None: nothing yet).

    `topic_ids`: Kafka's ids of their topics, 16 bytes each, as far as they are known; `since`: the
    timestamp from which on the group reads, None: not known. Both are kept beside every position that
    is committed (`core.offset_codec.Marks`), and so is `cluster`, what marks its cluster. `starts`: the
    offsets from which on they are read, where that is known; below 0 it is not.
    """

    epoch: int
    positions: Mapping[Partition, Position | None]
    topic_ids: Mapping[str, bytes] = MappingProxyType({})
    since: float | None = None
    starts: Mapping[Partition, int] = MappingProxyType({})
    cluster: bytes | None = None


class Identified(NamedTuple):
    """The ids of topics, 16 bytes each (empty: it has none); None: the topic is not there."""

    topic_ids: Mapping[str, bytes | None]


class MadeAnew(NamedTuple):
    """The topics of these partitions are others than those that we read, or that the group has positions of.

    What runs of them counts no longer; they are assigned from the beginning of the new topic.
    """

    partitions: frozenset[Partition]


class Received(NamedTuple):
    """Records in the order of their offsets per partition, and the ends that were reached.

    `ends` maps a partition to the offset behind its last record: all below it has been received.
    `headless` are those of the records whose headers could not be read.
    `bounds` maps one of which something comes for the first time in its assignment to the offset behind
    the last record that its log holds: nothing beyond can have been finished before.
    """

    records: Sequence[Record]
    ends: Mapping[Partition, int]
    headless: Sequence[Record] = ()
    bounds: Mapping[Partition, int] = MappingProxyType({})


class Revoked(NamedTuple):
    """Partitions to be handed back; the source waits until it is told that they are released."""

    partitions: frozenset[Partition]


class Lost(NamedTuple):
    """Partitions that belong to somebody else already: forget them, commit nothing."""

    partitions: frozenset[Partition]


class Missed(NamedTuple):
    """Records from `first` to before `end` were deleted from the topic before they were read."""

    partition: Partition
    first: int
    end: int


class Troubled(NamedTuple):
    """The source reports something that it goes on from; `error` is a short name, `message` a sentence.

    `topic`: what it is about, where it is about one.
    """

    error: str
    message: str
    topic: str | None = None


class Acknowledged(NamedTuple):
    """The broker took positions of these partitions."""

    partitions: Collection[Partition]


class MemberState(NamedTuple):
    """What the client says of itself now and then: a word in place of a proof.

    `is_settled`: its coordinator takes it for a member, and it is not about to join anew.
    """

    has_coordinator: bool
    is_settled: bool


class Unreadable(NamedTuple):
    """The partition cannot be read on from `offset`: what lies there is broken, or too large unpacked.

    `error` is a short name, `message` a sentence. Told again and again while that is so.
    """

    partition: Partition
    offset: int
    error: str
    message: str


class Stopped(NamedTuple):
    """The source cannot go on; `error` is what to tell the operator."""

    error: str


SourceEvent = (
    Assigned
    | Identified
    | MadeAnew
    | Received
    | Revoked
    | Lost
    | Missed
    | Troubled
    | Unreadable
    | Acknowledged
    | MemberState
    | Stopped
)


class Request(NamedTuple):
    """One HTTP request: `url` whole with its query, header names as they go out, body as bytes.

    `headers` are those of all its attempts, one and the same object for requests that have the same;
    `attempt_headers` those of this one alone. `id`: by which its event says that it is known, if it does.
    """

    method: str
    url: str
    headers: Headers
    body: bytes | None
    attempt_headers: Headers = ()
    id: str | None = None

    def __repr__(self) -> str:
        """Nothing of what may be secret: the URL may be, and headers are."""
        names = [name for name, _ in (*self.headers, *self.attempt_headers)]
        return f"Request({self.method}, {names}, {len(self.body or b'')} bytes)"


request_of: Callable[[tuple[str, str, Headers, bytes | None, Headers, str | None]], Request] = partial(
    tuple.__new__, Request
)
"""A request of its fields, for where every event makes one: its class takes nearly twice as long."""


class Response(NamedTuple):
    """What came back: the status, `Retry-After` as sent, and the first bytes of the body.

    `quota_fields`: header fields that say how many requests are left, names in lower case.
    """

    status: int
    retry_after: str | None
    body: bytes
    quota_fields: Headers = ()


class Quota(NamedTuple):
    """What an answer says is left: so many requests until `reset` seconds have passed."""

    remaining: int
    reset: float


class Message(NamedTuple):
    """A record to be written to a topic of ours: key, value and headers as Kafka takes them.

    `timestamp`: None is that of when it is written.
    """

    key: bytes | None
    value: bytes | None
    headers: RecordHeaders
    timestamp: float | None = None


DeadLetter = Message
"""One for the dead-letter topic."""


Answer = Response | TransportError
"""What one attempt came to."""


class Signal(StrEnum):
    """What an answer says of the endpoint as a whole."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """It works, and does not want this event, or any: a wrong path, something it may not do."""
    CREDENTIALS = "credentials"
    """It does not know us, or we have nothing to prove who we are: no event's fault."""
    UNREACHABLE = "unreachable"
    """No connection: name, address, TLS, certificate. Nothing of the event was sent."""
    NO_ANSWER = "no_answer"
    """Reset, time-out, malformed."""
    SERVER_ERROR = "server_error"
    """5xx but 503, and what else is worth another attempt."""
    UNAVAILABLE = "unavailable"
    """503: it is down, or wants fewer requests."""
    THROTTLED = "throttled"
    """429."""


class Finding(NamedTuple):
    """What a look at something outside came to; `is_away`: no answer came, which may be so for now only."""

    what: str
    ok: bool
    detail: str
    is_away: bool = False


class Report(NamedTuple):
    """The outcome of a probe of this process: whether all is well, and each check in words."""

    ok: bool
    checks: Mapping[str, str]


class About(NamedTuple):
    """Whose events the live page shows: `endpoint` as an origin; `workers` is None for a single process."""

    destination: str
    version: str
    endpoint: str
    payloads: str
    workers: int | None
