"""Facts: the one port by which operators are told what happened.

Promises: what happened is told once, by who knows it, who knows none of those who listen; a listener
is one member more of one `Broadcast`. To tell what one alone hears costs no more than calling that one,
and what passes without a failure is heard by those who look on only while there are any.

Listeners are given values, which hold nothing of what goes on. They raise nothing, and tell nothing back.
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from processor.core.age import Age
from processor.core.dead_letter import Failure
from processor.core.pace.circuit import State
from processor.core.pace.connections import Ending
from processor.errors import WriteError
from processor.model import Answer, Partition, Record, Request, Signal, Unreadable


class Tried(NamedTuple):
    """An attempt for a record: what was sent, which one it is, and when it left, in monotonic seconds."""

    record: Record
    request: Request | None
    attempts: int
    at: float


class Facts:
    """All that is told. Here nobody hears it. Times and durations are seconds."""

    # Of records

    def consumed(self, topics: Mapping[str, int], /) -> None:
        """So many records of each topic were read."""

    def missed(self, partition: Partition, first: int, end: int, /) -> None:
        """Records from `first` to before `end` were deleted before they were read."""

    def headless(self, records: Collection[Record], /) -> None:
        """The headers of these records could not be read."""

    def dropped_headers(self, count: int, /) -> None:
        """Headers of an event belong to the connection, and were left out."""

    def attempted(self, answer: Answer, seconds: float, /) -> None:
        """A request was answered, or was not, after so long."""

    def delivered(
        self, record: Record, request: Request | None, attempts: int, at: float, answer: Answer, age: Age, /
    ) -> None:
        """A record of this age was delivered by that attempt.

        That is told by its parts: to make one value of them for every event would be dear.
        """

    def skipped(self, record: Record, reason: str, /) -> None:
        """A rule left a record out."""

    def failed(self, tried: Tried, answer: Answer, /) -> None:
        """An attempt delivered nothing; what becomes of its record is told beside."""

    def retried(self, tried: Tried, answer: Answer, after: float, /) -> None:
        """An attempt failed; another follows after so long."""

    def withheld(self, tried: Tried, failure: Failure, answer: Answer | None, /, *, is_first: bool) -> None:
        """A failure became no dead letter: the record waits, as the first of all or behind others.

        `answer`: by which it was refused; None: it can be no request, or was not sent.
        """

    def dead_lettered(self, record: Record, failure: Failure, /, *, is_whole: bool) -> None:
        """A dead letter was acknowledged; not `is_whole`: without the record's value and headers."""

    def blocked(self, record: Record, failure: Failure, error: WriteError, /) -> None:
        """A dead letter could not be written, and will be tried again."""

    def reported(self, record: Record, /) -> None:
        """A report is in its topic, acknowledged by all replicas."""

    def unreported(self, record: Record, error: WriteError | None, /, *, is_held: bool) -> None:
        """A report could not be written: it will be tried again, and the record `is_held`, or it is lost.

        None: it was not tried, as too many are on their way.
        """

    def unprepared(self, record: Record, reason: str, /) -> None:
        """What it takes to prepare a record is not to be had; it will be asked for again."""

    def registry_answered(self, *, is_found: bool) -> None:
        """The schema registry has what it was asked for, or says that it has not."""

    def registry_failed(self, result: str, reason: str, /) -> None:
        """The schema registry gave no such answer, by a word of a closed set, and a sentence."""

    def gave_up(self, record: Record, /) -> None:
        """A record is not ours any more, and was not settled."""

    def came_late(self) -> None:
        """A result belongs to an assignment that is over."""

    # Of the endpoint

    def circuit_changed(self, state: State, reason: Signal, answer: Answer, /) -> None:
        """The endpoint is `open`: left alone but for probes; `half_open`; or `closed`: as it should be."""

    def host_changed(self, host: str, state: State, reason: Signal, answer: Answer, /) -> None:
        """The same of a host that events name."""

    def connected(self, seconds: float, /) -> None:
        """A connection was opened: name look-up, TCP and TLS took so long together."""

    def disconnected(self, why: Ending, /) -> None:
        """A connection that had been opened ended."""

    def credential_fetched(self, outcome: str, until: float, /) -> None:
        """What proves who we are was granted, until that timestamp."""

    def credential_not_fetched(self, outcome: str, reason: str, /) -> None:
        """It was not, by a word of a closed set, and a sentence."""

    def credential_refused(self, status: int, /) -> None:
        """The endpoint refused who sends."""

    def credential_reloaded(self, setting: str, /) -> None:
        """A secret or a certificate in a file was read anew."""

    def credential_not_reloaded(self, setting: str, reason: str, /) -> None:
        """What stands there now cannot be used; what was read before is."""

    def certificate_read(self, which: str, since: float, until: float, /) -> None:
        """A certificate, `client` or `authority`, is valid from and until these timestamps."""

    def tried_again(self) -> None:
        """A request's connection was dead already: it is sent once more, as the same attempt."""

    # Of the group

    def membership_unproven(self, why: str, /) -> None:
        """That we are a member of the group has not been proven for some time."""

    def membership_proven(self) -> None:
        """It is again, after it was told that it is not."""

    def rebalanced(self, kind: str, partitions: Collection[Partition], /) -> None:
        """Partitions were `assigned`, `revoked` or `lost`."""

    def made_anew(self, partitions: Collection[Partition], /) -> None:
        """The topics of these are others than before: they begin at the start."""

    def foreign(self, destination: str, partitions: int, /) -> None:
        """Another destination has committed the positions of partitions that were assigned to us."""

    def committed(self, errors: Mapping[Partition, str | None], /) -> None:
        """The broker answered a commit: None, or what went wrong, for each partition."""

    def commit_unanswered(self, seconds: float, /) -> None:
        """The broker did not answer a commit for so long."""

    def metadata_refused(self, length: int, limit: int, /) -> None:
        """The broker refused commit metadata of that length; this is the limit from now on."""

    def unreadable(self, at: Unreadable, /) -> None:
        """A partition cannot be read on from there, and stands still."""

    def readable(self, partition: Partition, offset: int, /) -> None:
        """It stood still at that offset, and is read again."""

    def troubled(self, error: str, message: str, topic: str | None = None, /) -> None:
        """A Kafka client reported something that we go on from."""

    # Of ourselves

    def traced(self, result: str, count: int, why: str, /) -> None:
        """So many spans were `exported`, `failed` at the collector, or `dropped` before it.

        `capped`: so many records that were to have spans have none, being too many.
        """


ALL = tuple(name for name in vars(Facts) if not name.startswith("_"))
PASSING = frozenset(each.__name__ for each in (Facts.delivered, Facts.skipped))
"""What is no failure: nobody needs to hear it while nobody looks."""


class Listener(Facts):
    """Overrides what it wants to hear. Not `is_watched`: nothing of PASSING for now."""

    is_watched = True

    def attend(self, changed: Callable[[], None]) -> None:
        """`changed` is to be called whenever `is_watched` has changed."""


class Broadcast(Facts):
    """Tells each fact to all who hear it, in their order.

    Each fact is bound to them beforehand: to one by itself, so that nothing stands between. Hence ask for
    a fact where it is told; one that was kept tells those who heard it then.
    """

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners
        for listener in listeners:
            listener.attend(self._bind)
        self._bind()

    def _bind(self) -> None:
        for fact in ALL:
            heard = [getattr(listener, fact) for listener in self._listeners if _hears(listener, fact)]
            setattr(self, fact, heard[0] if len(heard) == 1 else _each(tuple(heard)))


def _hears(listener: Listener, fact: str) -> bool:
    is_overridden = getattr(type(listener), fact) is not getattr(Facts, fact)
    return is_overridden and (listener.is_watched or fact not in PASSING)


def _each(heard: tuple[Callable[..., None], ...]) -> Callable[..., None]:
    def tell(*values: object, **more: object) -> None:
        for hear in heard:
            hear(*values, **more)

    return tell
