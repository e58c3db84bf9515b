"""Bugs that others had, planted into the product one at a time, to see that the simulation finds them."""

import math
import os
from base64 import b64decode
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from processor.core import retry
from processor.core.dead_letter import Failure
from processor.core.pace import circuit
from processor.core.pace.admission import Admission, Permit
from processor.core.pace.budget import Budget
from processor.core.pace.hosts import Hosts
from processor.core.progress import offset_codec
from processor.core.progress.commit_requests import CommitRequests
from processor.core.progress.flow import Flow
from processor.core.progress.lanes import Lanes
from processor.core.progress.offset_codec import Span
from processor.core.progress.offsets import Offsets
from processor.core.progress.topic_identity import TopicIdentities, TopicIds
from processor.core.record.registry.schemas import Schemas, Unavailable
from processor.core.retry import Reading, RetryPolicy
from processor.errors import EventError, TransportError
from processor.logs.writer import LogWriter
from processor.model import Answer, Commit, Partition, Position, Record, Signal
from processor.traffic.attempt import Run, Settled, Stage
from processor.traffic.commits import Commits, Errors
from processor.traffic.delivery import Delivery
from processor.traffic.dispatch import Dispatch
from processor.traffic.pipeline import Pipeline
from processor.traffic.preparation import Result
from processor.traffic.schemas.decoding import Decoding
from processor.traffic.undelivered.dead_letters import Letters
from processor.traffic.undelivered.elsewhere import Elsewhere
from processor.traffic.undelivered.withheld import Withheld
from processor.traffic.unprepared import Unprepared
from processor.traffic.written.closing import Closing
from processor.traffic.written.reports import Reports
from processor.traffic.written.writing import Writer, Writing
from tests.simulation.history import happen
from tests.simulation.promises import BrokenError

MOST_SEEDS = 300

Replacement = tuple[Any, str, Any]


class Bug(NamedTuple):
    """What is replaced by what, and who had it.

    `seed`: of a history that tells, or told at a time, which is asked first. `--planted` prints it anew.
    """

    name: str
    whose: str
    replacements: tuple[Replacement, ...]
    seed: int = 0


class Found(NamedTuple):
    """By which history a bug was found, and by which promise."""

    seed: int
    broken: BrokenError


@contextmanager
def planted(replacements: Iterable[Replacement]) -> Iterator[None]:
    """The product with these attributes replaced."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replacements]
    try:
        for owner, name, buggy in replacements:
            setattr(owner, name, buggy)
        yield
    finally:
        for owner, name, good in before:
            setattr(owner, name, good)


def table(found: Iterable[tuple[Bug, Found | None]]) -> Iterator[str]:
    """As Markdown."""
    yield "| planted bug | seen at | seed of the first history that tells | the promise that it breaks |"
    yield "|---|---|---|---|"
    for bug, one in found:
        told = f"{one.seed} | {one.broken.promise.name}" if one else "not found |"
        yield f"| {bug.name} | {bug.whose} | {told} |"


def find(bug: Bug, seeds: Iterable[int] = range(MOST_SEEDS)) -> Found | None:
    """The first of these histories in which the bug breaks a promise.

    The rooms do not look at themselves meanwhile: what is asked is whether the account of the world tells.
    """
    blind = [(room, "check", _unseen) for room in (Flow, Admission, Dispatch)]
    with planted((*bug.replacements, *blind)):
        for seed in seeds:
            if broken := happen(seed).broken:
                return Found(seed, broken)
    return None


# How they are done


def _highest_seen(offsets: Offsets, limit: int) -> tuple[Position, bool] | None:
    seen = offsets.expected()
    return None if seen is None else (Position(seen), True)


def _highest_finished(offsets: Offsets, limit: int) -> tuple[Position, bool] | None:
    """A rejected record, then a delivered one: the commit passes over the first."""
    last = max((span.end for span in offsets.finished_beyond()), default=offsets.position())
    return None if last is None else (Position(last), True)


def _done_when_sent(letters: Writer, letter: Writing) -> None:
    _SEND(letters, letter)
    letter.is_given_up = True
    letters._clock.call_soon(letter.written)


def _dropped(letters: Writer, letter: Writing) -> None:
    letter.written()


def _any_epoch(flow: Flow, record: Record) -> Any:
    """With `_not_called_off`: what was begun for an earlier assignment is taken for this one's."""
    assignment = flow._assignments.get(record.partition)
    return assignment if assignment and record.offset in assignment.running else _ASSIGNMENT_OF(flow, record)


def _not_called_off(dispatch: Dispatch, run: Run) -> None:
    """The answer is still listened to."""
    if run.stage is Stage.ANSWER:
        dispatch._flow.abandoned(run.record)
    else:
        _GIVE_UP(dispatch, run)


def _unseen(_: object) -> None:
    return None


def _no_lane(lanes: Lanes, record: Record) -> None:
    return None


def _believed(base: int, metadata: str) -> tuple[Span, ...]:
    """Without the checksum, as long as it looks like ours."""
    try:
        encoded = b64decode(metadata.split(":")[-1] + "===")
        is_marked = metadata.startswith(offset_codec.MARKED)
        runs = dict(offset_codec._fields(encoded)).get(1, b"") if is_marked else encoded
        return tuple(offset_codec._spans(base, runs)) if metadata.startswith("kwp") else ()
    except ValueError:
        return ()


def _one_off(base: int, metadata: str) -> tuple[Span, ...]:
    return tuple(Span(first, end + 1) for first, end in _DECODE(base, metadata))


def _nothing_restored(base: int, metadata: str) -> tuple[Span, ...]:
    return ()


def _taken_for_delivered(
    these: Callable[[int], bool], policy: RetryPolicy, answer: Answer, now: float
) -> Reading:
    if not isinstance(answer, TransportError) and these(answer.status):
        return Reading(Signal.DELIVERED)
    return _READ(policy, answer, now)


def _taken_for_refused(policy: RetryPolicy, answer: Answer, now: float) -> Reading:
    reading = _READ(policy, answer, now)
    return Reading(Signal.REFUSED) if reading.sign in (Signal.THROTTLED, Signal.UNAVAILABLE) else reading


def _we_are_the_events(policy: RetryPolicy, answer: Answer, now: float) -> Reading:
    """A token that has expired is held against the events."""
    reading = _READ(policy, answer, now)
    return Reading(Signal.REFUSED) if reading.sign is Signal.CREDENTIALS else reading


def _silence_is_delivered(policy: RetryPolicy, answer: Answer, now: float) -> Reading:
    """A server that is busy has done the work, most times."""
    is_late = isinstance(answer, TransportError) and answer.reason == "answer_timeout"
    return Reading(Signal.DELIVERED) if is_late else _READ(policy, answer, now)


def _always_idle(flow: Flow, partitions: Iterable[Partition]) -> bool:
    return True


def _kept_though_lost(pipeline: Pipeline, partitions: frozenset[Partition]) -> None:
    pipeline.dispatch.give_up(partitions)
    pipeline._flow.revoked(partitions)


def _runs_though_lost(pipeline: Pipeline, partitions: frozenset[Partition]) -> None:
    pipeline._flow.released(partitions)


def _leaks(admission: Admission, permit: Permit, outcome: object, now: float, chance: float) -> None:
    if outcome is None:
        return
    _ENDED(admission, permit, outcome, now, chance)  # type: ignore[arg-type]


def _holds_a_slot(dispatch: Dispatch, run: Run, stage: Stage) -> None:
    dispatch._admission._in_flight += stage is Stage.RETRY
    _WAIT(dispatch, run, stage)


def _gives_it_back(dispatch: Dispatch, run: Run) -> None:
    dispatch._admission._in_flight -= 1
    _BECOMES_DUE(dispatch, run)


def _given_up_is_done(flow: Flow, record: Record) -> None:
    if assignment := flow._assignment_of(record):
        del assignment.running[record.offset]
        assignment.offsets.finished(record.offset)
        flow._weigh(assignment, record, -1)


def _believed_acknowledged(
    commits: Commits, sent_at: float, asked: Mapping[Partition, Commit], errors: Errors
) -> None:
    _CAME_BACK(commits, sent_at, asked, dict.fromkeys(errors))


def _newest_epoch(
    flow: Flow, partitions: Collection[Partition] | None = None, *, unmoved: bool = False
) -> dict[Partition, Commit]:
    newest = max((each.epoch for each in flow._assignments.values()), default=0)
    asked = _COMMITS(flow, partitions, unmoved=unmoved)
    return {partition: commit._replace(epoch=newest) for partition, commit in asked.items()}


def _never_held(flow: Flow) -> Mapping[Partition, Any]:
    return {}


def _forgotten(withheld: Withheld, run: Run, failure: Failure, now: float) -> None:
    return None


def _paid_by_nobody(budget: Budget, fault: object) -> bool:
    return True


def _buried(closing: Closing, run: Run, failure: Failure, paid: object) -> None:
    """A dead letter for everything that failed once."""
    closing._closed(run)


def _starts_though_revoked(flow: Flow, partitions: Iterable[Partition]) -> None:
    return None


def _last_commit_forgotten(commits: Commits, partitions: Iterable[Partition]) -> None:
    return None


def _written_at_once(writer: LogWriter, line: bytes) -> None:
    os.write(writer._descriptor, line)


def _not_learned(commits: Commits, asked: Mapping[Partition, Commit]) -> bool:
    return False


def _one_for_all(
    requests: CommitRequests, errors: Mapping[Partition, str | None], now: float
) -> list[Collection[Partition]]:
    return []


def _read_on(
    identities: TopicIdentities, partitions: Collection[Partition], told: TopicIds, now: float
) -> frozenset[Any]:
    return frozenset()


def _any_topic(
    identities: TopicIdentities, marked: Mapping[Partition, bytes | None], told: TopicIds
) -> frozenset[Any]:
    _BEGUN(identities, marked, told)
    return frozenset()


def _held_is_done(unprepared: Unprepared, run: Run, reason: str) -> None:
    _HOLD(unprepared, run, reason)
    unprepared._clock.call_soon(partial(_ended_once, unprepared, run))


def _ended_once(unprepared: Unprepared, run: Run) -> None:
    if run.stage is Stage.UNPREPARED:
        unprepared.forget(run)
        run.let_go()
        unprepared._ended(run, Settled(is_delivered=False))


def _held_for_ever(unprepared: Unprepared, run: Run) -> None:
    run.timer = None


def _goes_on_unheard(unprepared: Unprepared, run: Run) -> None:
    """Whoever prepares it is left alone; the answer does not count."""
    unprepared.asked.pop((run.record.partition, run.record.offset), None)
    _FORGET(unprepared, run)


def _whoever_it_was_for(unprepared: Unprepared, record: Record, result: Result) -> None:
    """An answer is taken for that of the record that stands in its place by now."""
    asked = unprepared.asked.get((record.partition, record.offset))
    _TOLD(unprepared, asked.run.record if asked else record, result)


def _given_up(schemas: Schemas[Any], schema: Hashable, answer: Any, now: float, chance: float) -> Any:
    """What the registry does not give is the record's fault."""
    found = _ANSWERED(schemas, schema, answer, now, chance)
    return EventError("unknown_schema", found.reason) if isinstance(found, Unavailable) else found


def _never_asked_again(
    schemas: Schemas[Any], schema: Hashable, answer: Any, now: float, chance: float
) -> Any:
    found = _ANSWERED(schemas, schema, answer, now, chance)
    if isinstance(found, Unavailable):
        schemas._open[schema].not_before = math.inf
    return found


def _one_told(decoding: Decoding, schema: Any, answer: Any) -> None:
    """Who asked is told, and nobody else who waits for the same."""
    waiting = decoding._waiting.get(schema, {})
    for number in list(waiting)[1:]:
        del waiting[number]
    _FETCHED(decoding, schema, answer)


def _as_many_as_there_are(unprepared: Unprepared, room: int, *, keeps_place: bool) -> int:
    return room


def _always_room(hosts: Hosts) -> bool:
    return True


def _through_our_door(delivery: Delivery, run: Run) -> None:
    """A host that an event names takes our slots, and hears of our circuit."""
    was, run.is_foreign = run.is_foreign, False
    _BEGIN(delivery, run)
    run.is_foreign = was


def _in_one_queue(elsewhere: Elsewhere, run: Run) -> None:
    """One that goes elsewhere waits for nobody's time: it is forgotten where it waits."""
    run.enter(Stage.ELSEWHERE)


def _unbounded(offsets: Offsets, end: int) -> None:
    return None


_BEGIN = Delivery.begin
_HOLD = Unprepared._hold
_FORGET = Unprepared.forget
_TOLD = Unprepared.told
_ANSWERED = Schemas.told
_FETCHED = Decoding._told
_SEND = Writer.send
_BEGUN = TopicIdentities.begun
_ASSIGNMENT_OF = Flow._assignment_of
_GIVE_UP = Dispatch._give_up
_WAIT = Dispatch._wait
_BECOMES_DUE = Dispatch._becomes_due
_DECODE = offset_codec.decode
_READ = retry.read
_ENDED = Admission.ended
_CAME_BACK = Commits._came_back
_COMMITS = Flow.commits

BUGS = (
    Bug(
        "the highest offset seen is committed", "Parallel Consumer 826", ((Offsets, "commit", _highest_seen),)
    ),
    Bug(
        "the commit passes over what is not finished",
        "Vector, Convoy, Lenses",
        ((Offsets, "commit", _highest_finished),),
    ),
    Bug("a dead letter counts when it is sent", "Kafka Connect", ((Letters, "send", _done_when_sent),)),
    Bug("a dead letter that fails is dropped", "Knative, arroyo", ((Letters, "_send_later", _dropped),), 101),
    Bug("a report counts when it is sent", "a first draft", ((Reports, "send", _done_when_sent),), 5),
    Bug("dead letters cost nothing", "Knative", ((Budget, "pay", _paid_by_nobody),), 53),
    Bug("what is withheld is forgotten", "our own", ((Withheld, "refused", _forgotten),), 11),
    Bug("a refused record is finished without a letter", "Vector", ((Closing, "bury", _buried),)),
    Bug(
        "results of an earlier assignment count",
        "common",
        ((Flow, "_assignment_of", _any_epoch), (Dispatch, "_give_up", _not_called_off)),
        2,
    ),
    Bug("no order of keys", "most", ((Lanes, "_lane", _no_lane),), 1),
    Bug("metadata is believed unseen", "Parallel Consumer 875", ((offset_codec, "decode", _believed),), 81),
    Bug("one offset too many is restored", "Parallel Consumer 62", ((offset_codec, "decode", _one_off),), 4),
    Bug("nothing is restored", "Knative", ((offset_codec, "decode", _nothing_restored),), 4),
    Bug(
        "a redirect counts as delivered",
        "Go senders",
        ((retry, "read", partial(_taken_for_delivered, lambda status: 300 <= status < 400)),),
    ),
    Bug(
        "a refusal counts as delivered",
        "common",
        ((retry, "read", partial(_taken_for_delivered, lambda status: 400 <= status < 500)),),
        2,
    ),
    Bug(
        "a revoked partition is released while it runs",
        "Parallel Consumer",
        ((Flow, "idle", _always_idle),),
        1,
    ),
    Bug(
        "the last commit of a revoked partition is left out",
        "Knative",
        ((Commits, "ask_last", _last_commit_forgotten),),
        42,
    ),
    Bug("records of a revoked partition start", "common", ((Flow, "revoked", _starts_though_revoked),), 1),
    Bug("a lost partition is committed", "common", ((Pipeline, "_lost", _kept_though_lost),)),
    Bug("requests of a lost partition go on", "common", ((Pipeline, "_lost", _runs_though_lost),), 29),
    Bug("what is called off keeps its slot", "Parallel Consumer", ((Admission, "ended", _leaks),), 2),
    Bug(
        "a retry holds a slot",
        "Parallel Consumer 857",
        ((Dispatch, "_wait", _holds_a_slot), (Dispatch, "_becomes_due", _gives_it_back)),
    ),
    Bug(
        "what is given up counts as finished",
        "Parallel Consumer",
        ((Flow, "abandoned", _given_up_is_done),),
        3,
    ),
    Bug(
        "a refused commit is taken for made", "common", ((Commits, "_came_back", _believed_acknowledged),), 5
    ),
    Bug("a commit carries the newest epoch", "our own", ((Flow, "commits", _newest_epoch),), 2),
    Bug("a line of the log is written where it is said", "0.1.0", ((LogWriter, "put", _written_at_once),), 2),
    Bug("refused metadata is sent again as long", "0.1.0", ((Commits, "_learn", _not_learned),), 5),
    Bug("one topic's error is believed of all", "0.1.0", ((CommitRequests, "answered", _one_for_all),), 135),
    Bug("a topic made anew is read on", "0.1.0", ((TopicIdentities, "learned", _read_on),), 19),
    Bug("a position of another topic is believed", "0.1.0", ((TopicIdentities, "begun", _any_topic),), 185),
    Bug("metadata beyond the end is believed", "0.1.0", ((Offsets, "bounded", _unbounded),), 17),
    Bug("what cannot be prepared is finished", "imagined", ((Unprepared, "_hold", _held_is_done),), 2),
    Bug(
        "what cannot be prepared is asked for once",
        "imagined",
        ((Unprepared, "_is_due", _held_for_ever),),
        3,
    ),
    Bug("a preparation is not called off", "imagined", ((Unprepared, "forget", _goes_on_unheard),), 2),
    Bug("a preparation's late answer counts", "imagined", ((Unprepared, "told", _whoever_it_was_for),), 2),
    Bug("a registry that fails makes dead letters", "Kafka Connect", ((Schemas, "told", _given_up),), 3),
    Bug(
        "a registry that failed is never asked again", "imagined", ((Schemas, "told", _never_asked_again),), 3
    ),
    Bug("of those that wait for a schema one is told", "imagined", ((Decoding, "_told", _one_told),), 16),
    Bug("all that may start is prepared at once", "imagined", ((Unprepared, "room", _as_many_as_there_are),)),
    Bug("a host that an event names takes our slots", "0.1.0", ((Delivery, "begin", _through_our_door),), 1),
    Bug("hosts have no share but each its own", "imagined", ((Hosts, "has_room", _always_room),), 1),
    Bug("what waits for a host is forgotten", "imagined", ((Elsewhere, "take", _in_one_queue),), 2),
    Bug(
        "a refusal by a limit is a failure of the event", "common", ((retry, "read", _taken_for_refused),), 1
    ),
    Bug("a refusal of us is one of the event", "0.1.0", ((retry, "read", _we_are_the_events),), 27),
    Bug("a circuit opens by a steady share of 503", "0.1.0", ((circuit, "_SILENCE", 0.0),), 175),
    Bug("no answer in time counts as delivered", "common", ((retry, "read", _silence_is_delivered),)),
    Bug("intake is never held", "Lenses, Knative", ((Flow, "held", _never_held),), 2),
)
