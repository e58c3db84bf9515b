"""One history: a seed becomes a plan, the plan happens, and the account of it is checked to the end."""

from dataclasses import dataclass
from functools import partial
from random import Random

from processor.core.progress.lanes import Order
from processor.core.progress.offset_codec import Span, encode
from processor.model import Partition, Position
from tests.simulation.clock import Call, World
from tests.simulation.endpoint import Endpoint, Weather
from tests.simulation.group import Group, Trouble
from tests.simulation.ledger import History, Lane, topic_of
from tests.simulation.letters import Ink, Topic
from tests.simulation.log import Log as Lines
from tests.simulation.log import Paper
from tests.simulation.plan import OF_PARTITIONS, Do, Event, Plan, Production, plan
from tests.simulation.process import Process, Surroundings
from tests.simulation.promises import ASKED, BrokenError, Demands, Promise
from tests.simulation.topic import OTHER, TOPIC, Item, Kind, Log

PATIENCE = 6000.0
"""Virtual seconds after the last fault within which all has to be done."""
LAST_STOP = 60.0
TRICKLE = 15.0
"""Seconds between the records that still come then: without any, nobody could tell an endpoint that is
down from records that fail for ever."""
LATELY = 60.0
"""What came so lately need not be delivered yet."""
ANSWER_SECONDS = 32.0
"""So long after trouble with commits an answer may still be waited for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a history ended."""

    seed: int
    broken: BrokenError | None
    timeline: list[tuple[float, str, str, object]]
    counts: dict[str, int]
    fingerprint: str
    seconds: float


class Run:
    """A history while it happens."""

    def __init__(self, seed: int, demands: Demands) -> None:
        self._plan: Plan = plan(Random(f"plan {seed}"), demands)
        self._random = random = Random(seed)
        self.world = World(random)
        topics = (TOPIC, OTHER)[: self._plan.topics]
        partitions = [Partition(topics[n % len(topics)], n) for n in range(len(self._plan.starts))]
        self._logs = {p: Log(p, start) for p, start in zip(partitions, self._plan.starts, strict=True)}
        self._partitions = partitions
        self._items: dict[str, Item] = {}
        self._last: dict[Lane, Item] = {}
        self._damages = 0
        self._calm_since = 0.0
        self._is_calm = False
        shape = self._plan.shape
        self.history = History(self.world, self._logs, shape, demands)
        self.history.metadata_limit = self._plan.metadata_limit
        self._group = Group(self.world, random, partitions, shape.session, self.history)
        self._group.metadata_limit = self._plan.metadata_limit
        self._endpoint = Endpoint(
            self.world,
            random,
            self._items,
            flaky=self._plan.flaky,
            slow=self._plan.latency,
            limits=self._plan.limits,
            count=self.history.count,
        )
        self._letters = Topic(random, self._items)
        self._reports = Topic(Random(f"reports {seed}"), self._items)
        self.log = Lines()
        self._around = Surroundings(
            self.world,
            random,
            self.history,
            self._group,
            self._endpoint,
            self._letters,
            self._reports,
            shape,
            Random(f"preparation {seed}"),
            self._damage,
        )
        self._slots: list[Process | None] = [None] * self._plan.processes
        self._lives = 0
        self._ends: dict[int, Call] = {}
        self.history.owner = self._owner

    def happen(self) -> None:
        """From the beginning to the end."""
        for production in self._plan.productions:
            self.world.call_later(production.at, partial(self._produce, production))
        for event in self._plan.events:
            self.world.call_later(event.at, partial(self._do, event))
        self.world.run(self._plan.ends_at, _never)
        self._calm_down()
        self._trickle()
        self.world.run(self.world.now + PATIENCE, self._is_done)
        if not (self._is_done() or self._is_held()):
            self.history.fail(Promise.PROGRESS, "everybody", self._what_is_left())
        self._end()

    def _owner(self, partition: Partition) -> str | None:
        owner = self._group.owners.get(partition)
        return owner.name if owner is not None else None

    # What happens

    def _produce(self, production: Production) -> None:
        log = self._logs[self._partitions[production.partition]]
        item = log.append(production.key, production.kind, self.world.now)
        item.is_terminal = item.kind is Kind.TOMBSTONE and self._plan.shape.skip_tombstones
        log.skip(production.gap)
        self._items[item.name] = item
        self.history.produced(item, self._last)
        for process in self._slots:
            if process is not None:
                process.source.appended(log.partition)

    def _do(self, event: Event) -> None:
        self.history.note("world", event.do.value, (event.which, round(event.seconds, 3), str(event.how)))
        self.history.count(event.do.value)
        process = None if event.do in OF_PARTITIONS else self._slots[event.which]
        match event.do:
            case Do.START:
                self._start(event.which)
            case Do.DISTURB:
                self._group.disturb(self._partitions[event.which])
            case Do.REFUSAL:
                self._refuse(self._partitions[event.which].topic, event.seconds)
            case Do.ANEW:
                self._make_anew(self._partitions[event.which].topic)
            case Do.COORDINATOR | Do.WEATHER | Do.SLOW | Do.INK | Do.REPORTS | Do.DAMAGE | Do.LOG:
                self._disturb_world(event)
            case _ if process is not None and process.is_up:
                self._disturb(process, event)

    def _disturb_world(self, event: Event) -> None:
        group, endpoint = self._group, self._endpoint
        letters = self._reports if event.do is Do.REPORTS else self._letters
        match event.how:
            case Trouble():
                group.trouble = event.how
                self._later(event.seconds, self._coordinator_is_well)
            case Weather():
                endpoint.weather = event.how
                self._later(event.seconds, partial(setattr, endpoint, "weather", Weather.WELL))
            case Ink():
                letters.ink = event.how
                self._later(event.seconds, partial(setattr, letters, "ink", Ink.FLOWS))
            case Paper():
                self.log.becomes(event.how)
                self._later(event.seconds, partial(self.log.becomes, Paper.BLANK))
            case _ if event.do is Do.SLOW:
                endpoint.is_slow = True
                self._later(event.seconds, partial(setattr, endpoint, "is_slow", False))
            case _:
                self._damages = 3

    def _refuse(self, topic: str, seconds: float) -> None:
        """No commit of a topic is taken: it was deleted, or may not be read any more."""
        error = self._random.choice(("UNKNOWN_TOPIC_OR_PART", "TOPIC_AUTHORIZATION_FAILED"))
        self._group.refused[topic] = error
        self.history.refused[topic] = self.world.now + seconds + ANSWER_SECONDS
        since = self.world.now
        self.world.call_later(seconds, partial(self._take_again, topic, since))

    def _take_again(self, topic: str, since: float) -> None:
        if topic in self._group.refused:
            self._others_go_on(topic, since)
            del self._group.refused[topic]

    def _others_go_on(self, topic: str, since: float) -> None:
        """Whoever was well all the time and has partitions of another topic is still proven a member."""
        started = self._plan.shape.session + ANSWER_SECONDS
        calm = max(since, self._commits_are_fresh_since()) + started
        for process in self._slots:
            if self.world.now < calm or process is None or not process.is_well(calm - started):
                continue
            if any(p.topic not in self._group.refused for p in process.account.tenures):
                self.history.count("members while a topic was refused")
                if process.leased() <= 0:
                    self.history.fail(Promise.ONE_TOPIC, process.name, f"{topic} is refused")

    def _make_anew(self, topic: str) -> None:
        if self._is_too_short_for_ids():
            return
        partitions = [partition for partition in self._partitions if partition.topic == topic]
        self._last = {lane: item for lane, item in self._last.items() if lane[0] not in partitions}
        for partition in partitions:
            self._logs[partition].make_anew()
        self._group.made_anew(partitions)
        for _ in range(self._random.choice((0, 5, 40))):
            number = self._random.choice(partitions).number
            self._produce(Production(0.0, number, None, Kind.GOOD, 0))

    def _is_too_short_for_ids(self) -> bool:
        return min(self._plan.metadata_limit, self._plan.shape.flow.max_metadata_bytes) < 150

    def _disturb(self, process: Process, event: Event) -> None:
        match event.do:
            case Do.STOP:
                process.stop()
            case Do.CRASH:
                process.crash(self._commits_are_fresh_since())
            case Do.FREEZE:
                self._later(event.seconds, process.freeze())
            case Do.BLOCK:
                self._later(event.seconds, process.block())
            case Do.CUT:
                self._later(event.seconds, process.cut(notices=event.notices))
            case _:
                process.wall_offset += event.by
        if event.do in (Do.STOP, Do.CRASH):
            self._later(event.seconds, partial(self._start, event.which))

    def _later(self, seconds: float, end: Call) -> None:
        """What began ends then, or when all faults end."""
        token = len(self._ends)
        self._ends[token] = end
        self.world.call_later(seconds, partial(self._end_of, token))

    def _end_of(self, token: int) -> None:
        end = self._ends.get(token, _nothing)
        self._ends[token] = _nothing
        self._calm_since = self.world.now
        end()

    def _coordinator_is_well(self) -> None:
        self._group.trouble = Trouble.NONE

    def _commits_are_fresh_since(self) -> float:
        """Nothing has been in the way of commits since then; for ever, where something is now."""
        if any(end is not _nothing for end in self._ends.values()):
            return self.world.now
        return max(self._calm_since + ANSWER_SECONDS, self._group.settled_at)

    def _start(self, slot: int) -> None:
        if self._slots[slot] is None:
            self._lives += 1
            self._slots[slot] = Process(f"p{slot}.{self._lives}", self._around, partial(self._gone, slot))

    def _gone(self, slot: int) -> None:
        self._slots[slot] = None

    def _damage(self, position: Position) -> Position | None:
        """What the next process reads of a committed position."""
        if self._damages == 0 or self._is_calm:
            return position
        self._damages -= 1
        at = self._random.randrange(max(1, len(position.metadata)))
        match self._random.randrange(5):
            case 4:
                far = Span(position.offset + 1, position.offset + 2**40)
                return position._replace(metadata=encode(position.offset, [far])[0])
            case 0:
                return None
            case 1:
                return position._replace(metadata=position.metadata[:at])
            case 2:
                changed = chr(ord(position.metadata[at]) ^ 1) if position.metadata else "x"
                return position._replace(
                    metadata=position.metadata[:at] + changed + position.metadata[at + 1 :]
                )
            case _:
                return position._replace(metadata="kwp1:00000000:AQE=")

    # The end

    def _calm_down(self) -> None:
        self.history.note("world", "is calm")
        self._is_calm = self._endpoint.is_calm = True
        self._group.refused.clear()
        for token in list(self._ends):
            self._end_of(token)
        if not any(process is not None and not process.account.is_stopping for process in self._slots):
            self._start_somewhere()

    def _trickle(self) -> None:
        if not self._is_done():
            self._produce(Production(0.0, self._random.randrange(len(self._logs)), None, Kind.GOOD, 0))
            self.world.call_later(TRICKLE, self._trickle)

    def _start_somewhere(self) -> None:
        """A process in the first room that is free, now or soon."""
        free = [slot for slot, process in enumerate(self._slots) if process is None]
        if free:
            self._start(free[0])
        else:
            self.world.call_later(1.0, self._start_somewhere)

    def _is_done(self) -> bool:
        committed = self._group.committed
        return self._is_calm and all(
            log.end == log.start or (partition in committed and self._is_at_end(committed[partition], log))
            for partition, log in self._logs.items()
        )

    def _is_held(self) -> bool:
        """Whether each partition that is left begins with a record that the endpoint never takes, or is new.

        Where its order is that of the partition nothing else of it may be sent, and where all that may wait
        waits behind such records nothing else is read: so nothing is delivered that would pay for them, and
        it is held until the operator lets that kind pass.
        """
        heads: dict[Partition, Item] = {}
        for item in self._items.values():
            if not item.is_terminal:
                heads.setdefault(item.partition, item)
        stuck = {partition for partition, head in heads.items() if head.kind is not Kind.GOOD}
        lately = self.world.now - LATELY
        is_ordered = self._plan.shape.flow.order is Order.PARTITION
        return (
            bool(stuck)
            and all(p in stuck or head.produced_at > lately for p, head in heads.items())
            and (
                is_ordered
                or all(self._is_full(p) for p in self._slots if p and stuck & p.account.tenures.keys())
            )
        )

    def _is_full(self, process: Process) -> bool:
        """Whether so much waits that its holds last: half of what may."""
        (records, size), policy = process.account.waiting(), self._plan.shape.flow
        return max(records / policy.max_waiting_records, size / policy.max_waiting_bytes) > 0.5

    def _is_at_end(self, position: Position, log: Log) -> bool:
        return position.offset == log.end and (log.number == 0 or topic_of(position) == log.topic_id)

    def _what_is_left(self) -> str:
        open_ = [item.name for item in self._items.values() if not item.is_terminal]
        ends = {str(p): (log.end, self._group.committed.get(p)) for p, log in self._logs.items()}
        return f"not terminal: {open_}; ends and committed: {ends}"

    def _end(self) -> None:
        """All stop; then nothing runs, nothing is kept, and every record is where it belongs."""
        is_held = not self._is_done() and self._is_held()
        for item in self._items.values():
            skipped = item.kind is Kind.TOMBSTONE and self._plan.shape.skip_tombstones
            if not (is_held or skipped or item.arrivals or item.letters or item.is_gone):
                self.history.fail(Promise.TRUTHFUL_COMMIT, "everybody", f"{item.name} went nowhere")
            if self._plan.shape.must_report and not (is_held or item.reports or item.is_gone):
                self.history.fail(Promise.REPORTED, "everybody", f"{item.name} is reported nowhere")
        processes = [process for process in self._slots if process is not None]
        for process in processes:
            process.stop()
        self.world.run(self.world.now + LAST_STOP, lambda: not any(p.is_up for p in processes))
        for process in processes:
            self._is_empty(process)

    def _is_empty(self, process: Process) -> None:
        if process.is_up:
            self.history.fail(Promise.STOP, process.name, "the last stop does not end")
        left = (process.admission.in_flight(), process.flow.waiting())
        if left != (0, (0, 0)):
            self.history.fail(Promise.IN_FLIGHT, process.name, f"{left} is left when all is over")
        if process.account.preparing:
            self.history.fail(Promise.STOP, process.name, "what is under preparation is not called off")


def happen(seed: int, demands: Demands = ASKED) -> Outcome:
    """The history of a seed."""
    run = Run(seed, demands)
    broken: BrokenError | None = None
    with run.log.kept():
        try:
            run.happen()
        except BrokenError as error:
            broken = error
        except Exception as error:  # noqa: BLE001 - whatever a callback raises breaks a promise
            broken = BrokenError(Promise.NO_EXCEPTION, f"{type(error).__name__}: {error}")
            broken.__cause__ = error
    history = run.history
    return Outcome(seed, broken, history.timeline, history.counts, history.fingerprint(), run.world.now)


def _never() -> bool:
    return False


def _nothing() -> None:
    """Nothing has to end."""
