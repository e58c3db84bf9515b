"""What is made of letters: the requests of the records that they are of, or nothing.

Promises: a letter becomes the request that its record would become now, with the id that it was sent with
before; what may not be sent any more is put into the topic for such letters, where there is one, before it
counts as settled; what still can be no request is left as it is, and no letter is made of it anew.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from processor.config.settings import Settings
from processor.core.letters.letter import read
from processor.core.letters.redelivery import Excerpt, RedeliveryPolicy, Verdict, original
from processor.core.request.signing.ids import Ids
from processor.core.request.transform import Prepared
from processor.errors import EventError, WriteError
from processor.kafka.producer import Producer
from processor.letters.tally import Tally
from processor.model import DeadLetter, Received, Record, Request, SourceEvent
from processor.telemetry.facts import Listener
from processor.traffic.preparation import Held, Later, Preparing, Result, Skipped
from processor.traffic.written.writing import Topic

CLOSE_SECONDS = 10.0


class Redelivering:
    """Prepares letters; `inner` prepares the records that they are of."""

    def __init__(self, policy: RedeliveryPolicy, inner: Preparing, parked: Topic | None) -> None:
        self._policy = policy
        self._inner = inner
        self._parked = parked
        self._ids = Ids()

    def prepare(self, record: Record, done: Callable[[Record, Result], None]) -> Result | Later:
        """What becomes of the letter in `record`."""
        letter = read(record)
        match self._policy.judge(letter):
            case Verdict.SENT:
                first = original(record, letter)
                made = self._inner.prepare(
                    first, lambda _, result: done(record, self._settled(first, result))
                )
                return made if isinstance(made, Later) else self._settled(first, made)
            case Verdict.TOO_OFTEN if self._parked is not None:
                return _put_away(self._parked, record, done)
            case reason:
                return Skipped(reason)

    def _settled(self, first: Record, result: Result) -> Result:
        """What a record that a letter is of would become, as what becomes of the letter."""
        match result:
            case EventError():
                return Skipped(Verdict.UNUSABLE)
            case Prepared(request):
                return result._replace(request=self._known(first, request))
            case Request():
                return self._known(first, result)
        return result

    def _known(self, first: Record, request: Request) -> Request:
        """With the id of where the record stood first, unless the letter or the event has one."""
        return request if request.id is not None else request._replace(id=self._ids.of(first))


def _put_away(topic: Topic, record: Record, done: Callable[[Record, Result], None]) -> Later:
    """The letter as it stands, written to `topic`; its record is settled once that is acknowledged."""
    is_called_off = False

    def call_off() -> None:
        nonlocal is_called_off
        is_called_off = True

    def written(error: WriteError | None) -> None:
        if not is_called_off:
            result = (
                Skipped(Verdict.PARKED) if error is None else Held(f"it cannot be parked: {error.message}")
            )
            done(record, result)

    topic.write(DeadLetter(record.key, record.value, record.headers or ()), written)
    return Later(call_off)


class Run(NamedTuple):
    """What of a topic of letters is sent again, and who counts what comes of it."""

    policy: RedeliveryPolicy
    excerpt: Excerpt
    tally: Tally
    wall_clock: Callable[[], float]
    parking: Producer | None = None

    @property
    def listeners(self) -> Sequence[Listener]:
        """Those that hear what happens."""
        return (self.tally,)

    def within(self, event: SourceEvent) -> SourceEvent:
        """Without the letters that are written while this goes on."""
        return self.excerpt.within(event, self.wall_clock()) if isinstance(event, Received) else event

    def preparing(self, inner: Preparing) -> Preparing:
        """Who prepares letters in its place."""
        return Redelivering(self.policy, inner, self.parking)

    async def open(self) -> None:
        """Connect to the topic of what is parked."""
        if self.parking is not None:
            self.parking.open()

    async def close(self) -> None:
        """Wait for what is to be parked."""
        if self.parking is not None:
            await self.parking.close(CLOSE_SECONDS)


def settings_for(settings: Settings, group: str, rate: float) -> Settings:
    """Those of a run: its source is the dead-letter topic, its group the one that brings letters back."""
    assert settings.secrets is not None  # made before it is copied: what is added counts for both
    source = {
        "topics": (settings.dead_letter.topic,),
        "group_id": group,
        "group_instance_id": None,
        "auto_offset_reset": "earliest",
    }
    pace = {"rate_limit": rate, "burst": None}
    return settings.model_copy(
        update={
            "kafka": settings.kafka.model_copy(update=source),
            "delivery": settings.delivery.model_copy(update=pace),
        }
    )


def parking(settings: Settings, topic: str | None) -> Producer | None:
    """Who writes to the topic for letters that may not be sent any more."""
    if topic is None:
        return None
    return Producer(settings.kafka, settings.dead_letter.model_copy(update={"topic": topic}))
