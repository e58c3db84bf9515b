"""The account of everything that the outside can see, and the promises checked against it.

It decodes commit metadata by itself and believes nothing that the product says of itself.
"""

import hashlib
from base64 import b64decode
from collections.abc import Callable, Collection, Mapping
from zlib import crc32

from processor.core.progress.lanes import Order
from processor.errors import TransportError, WriteError
from processor.kafka.poll_thread import AHEAD
from processor.model import (
    Answer,
    Assigned,
    Commit,
    DeadLetter,
    Lost,
    MadeAnew,
    Partition,
    Position,
    Received,
    Record,
    Revoked,
    SourceEvent,
)
from processor.traffic.pipeline import LAST_COMMIT_SECONDS
from tests.simulation.clock import World
from tests.simulation.group import Errors, Positions
from tests.simulation.promises import BrokenError, Demands, Promise
from tests.simulation.shape import Shape
from tests.simulation.topic import REFUSALS, UNUSABLE, Item, Kind, Log

LARGEST_RECORD = 600
ALONE = 2
"""Times `minimum` failures in a row: one that fails alone for so long is to blame."""
REFUSED_STATUSES = frozenset((400, 403, 404, 410, 422, 301, 302, 307, 308))

Lane = tuple[Partition, bytes | None]


def finished_beyond(position: Position) -> list[tuple[int, int]]:
    """The finished spans in commit metadata, decoded from the description of the format."""
    if not position.metadata.startswith(("kwp1:", "kwp2:")):
        return []
    version, checksum, text = position.metadata.split(":")
    encoded = b64decode(text)
    assert int(checksum, 16) == crc32(str(position.offset).encode() + encoded)
    lengths = varints(encoded if version == "kwp1" else fields(encoded).get(1, b""))
    at = position.offset
    spans = []
    for unfinished, finished in zip(lengths[::2], lengths[1::2], strict=True):
        spans.append((at + unfinished, at + unfinished + finished))
        at += unfinished + finished
    return spans


def varints(encoded: bytes) -> list[int]:
    """Numbers of seven bits a byte, the lowest first."""
    numbers, number, shift = list[int](), 0, 0
    for byte in encoded:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    return numbers


def fields(encoded: bytes) -> dict[int, bytes]:
    """By tag; tags and lengths are below 128 but for the runs, which come last."""
    found = {}
    while encoded:
        tag, rest = encoded[0], encoded[1:]
        size = 1 + (rest[0] > 0x7F)
        length = (rest[0] & 0x7F) | (rest[1] << 7 if size == 2 else 0)
        found[tag], encoded = rest[size : size + length], rest[size + length :]
    return found


def whatever_it_says(position: Position) -> list[tuple[int, int]] | None:
    """The spans in metadata that may be damaged."""
    try:
        return finished_beyond(position)
    except (AssertionError, ValueError):
        return None


def topic_of(position: Position) -> bytes | None:
    """The id of the topic that a position is marked with."""
    if not position.metadata.startswith("kwp2:"):
        return None
    return fields(b64decode(position.metadata.split(":")[2])).get(2)


def covers(position: Position | None, offset: int) -> bool:
    """Whether a position says that the record at `offset` is finished."""
    if position is None:
        return False
    return offset < position.offset or any(a <= offset < b for a, b in finished_beyond(position))


class Tenure:
    """One partition in one process, from its assignment to its release or loss."""

    def __init__(
        self, owner: str, epoch: int, told: Position | None, fetched: Position | None, topic_id: bytes
    ) -> None:
        self.owner = owner
        self.topic_id = topic_id
        self.told_spans = whatever_it_says(told) if told and told != fetched else None
        """What was made up of what is finished; it may be said again until the log is known."""
        self.lacks: list[int] = []
        self.epoch = epoch
        self.told = told
        honest = told if told == fetched else None
        self.known = finished_beyond(honest) if honest else []
        self.base = told.offset if told else -1
        self.asked = honest
        self.asked_at = -1.0
        self.revoked = False
        self.attempts: dict[int, int] = {}
        self.settled: dict[int, float] = {}
        self.proven: dict[int, str] = {}
        """What is known to be done, and how."""
        self.reported: set[int] = set()

    def knew(self, offset: int) -> bool:
        """Whether the position that it began with says that `offset` is finished."""
        return offset < self.base or any(a <= offset < b for a, b in self.known)


class History:
    """What all accounts share: the topic, the timeline, and how to fail."""

    def __init__(self, world: World, logs: Mapping[Partition, Log], shape: Shape, demands: Demands) -> None:
        self.world = world
        self.logs = logs
        self.shape = shape
        self.demands = demands
        self.timeline: list[tuple[float, str, str, object]] = []
        self.counts: dict[str, int] = {}
        self.before: dict[str, Item] = {}
        self.owner: Callable[[Partition], str | None] = _nobody
        self.metadata_limit = 0
        self.refused: dict[str, float] = {}
        """Until when commits of a topic are refused, and a while longer."""
        self.made_up: set[tuple[Partition, str]] = set()
        """What damaged positions told: until it knows the log a process may commit it, and hand it on."""

    def is_refused(self, topic: str) -> bool:
        """Whether commits of a topic may be missing through no fault of the processes."""
        return self.world.now < self.refused.get(topic, 0.0)

    def note(self, who: str, what: str, detail: object = "") -> None:
        """For the timeline."""
        self.timeline.append((self.world.now, who, what, detail))

    def fail(self, promise: Promise, who: str, story: str) -> None:
        """A promise is broken."""
        self.note(who, "BREAKS", promise.name)
        raise BrokenError(promise, f"{who} at {self.world.now:.3f}: {story}")

    def count(self, what: str, by: int = 1) -> None:
        """One more of these."""
        self.counts[what] = self.counts.get(what, 0) + by

    def produced(self, item: Item, last: dict[Lane, Item]) -> None:
        """A record was written; `last` holds the last one of every lane."""
        lane = self.lane(item)
        if lane is None or item.kind is Kind.TOMBSTONE:
            return
        if lane in last:
            self.before[item.name] = last[lane]
        last[lane] = item

    def lane(self, item: Item) -> Lane | None:
        """What has to be kept in order with `item`."""
        if self.shape.flow.order is Order.PARTITION:
            return item.partition, None
        ordered = self.shape.flow.order is Order.KEY and item.key is not None
        return (item.partition, item.key) if ordered else None

    def terminal(self, item: Item) -> None:
        """Nothing more has to be done for a record, and its process knows."""
        if item.is_terminal:
            self.count("settled again")
        item.is_terminal = True

    def committed(self, member: str, positions: Positions, before: Positions) -> None:
        """The broker has new positions."""
        for partition, position in positions.items():
            old = before.get(partition)
            if old is not None and topic_of(old) != topic_of(position):
                old = None
            self.note(member, "committed", (partition.number, position.offset, position.metadata))
            if old is not None and position.offset < old.offset:
                self.fail(Promise.NO_REGRESS, member, f"{partition} {old.offset} to {position.offset}")

    def fingerprint(self) -> str:
        """The same for the same history."""
        return hashlib.sha256(repr(self.timeline).encode()).hexdigest()


class Account:
    """What one process does."""

    def __init__(self, history: History, name: str) -> None:
        self._history = history
        self._name = name
        self._limit = history.shape.most_in_flight
        self.tenures: dict[Partition, Tenure] = {}
        self.open: dict[tuple[Partition, int], Item] = {}
        self.lanes: dict[Lane, Item] = {}
        self.preparing: dict[tuple[Partition, int], Record] = {}
        """What was asked of who prepares, and neither answered nor called off."""
        self.is_stopping = False
        self.busy_at = 0.0
        self.deliveries = 0
        self.paid: tuple[set[str], set[str]] = set(), set()
        """Dead letters that have to be paid for: those of requests, and those that became none."""
        self.buried: set[str] = set()
        """Good records that became dead letters."""
        self.refused: set[str] = set()
        self.failing: set[str] = set()
        """Good records that became dead letters, and all that failed, since something was delivered last."""
        self.failed_last, self.alone = "", 0
        """Which failed last, and how often in a row it did."""
        self.waiting: Callable[[], tuple[int, int]] = _none
        self.in_flight: Callable[[], int] = self._under_way
        self.in_flight_elsewhere: Callable[[], int] = self._under_way_elsewhere

    def _fail(self, promise: Promise, story: str) -> None:
        self._history.fail(promise, self._name, story)

    def _note(self, what: str, detail: object = "") -> None:
        self._history.note(self._name, what, detail)

    def _under_way(self) -> int:
        return len(self.open) - self._under_way_elsewhere()

    def _under_way_elsewhere(self) -> int:
        return sum(item.kind is Kind.ELSEWHERE for item in self.open.values())

    # From the source

    def told(self, event: SourceEvent, fetched: Positions) -> None:
        """The pipeline is about to take an event."""
        self._leaks_nothing()
        match event:
            case Received(records=records, ends=ends):
                self._reads(records, ends)
            case Assigned():
                self._begins(event, fetched)
            case Revoked(partitions):
                self._note("is asked for", sorted(p.number for p in partitions))
                for partition in partitions & self.tenures.keys():
                    self.tenures[partition].revoked = True
            case Lost(partitions):
                self._goes("has lost", partitions)
            case MadeAnew(partitions):
                self._goes("finds made anew", partitions)

    def _reads(self, records: Collection[Record], ends: Mapping[Partition, int]) -> None:
        self._note("reads", [f"{r.partition.number}:{r.offset}" for r in records] or _plain(ends))
        for partition in {r.partition for r in records} | ends.keys():
            if partition in self.tenures:
                self.tenures[partition].told_spans = None

    def _begins(self, assigned: Assigned, fetched: Positions) -> None:
        positions = assigned.positions
        self._note("is assigned", [(p.number, at and at.offset) for p, at in positions.items()])
        for partition, told in positions.items():
            topic_id = assigned.topic_ids[partition.topic]
            known, spans = fetched.get(partition), (partition, repr(told and whatever_it_says(told)))
            if told and told != known:
                self._history.made_up.add(spans)
            if spans in self._history.made_up:
                known = None
            self.tenures[partition] = Tenure(self._name, assigned.epoch, told, known, topic_id)

    def _goes(self, what: str, partitions: Collection[Partition]) -> None:
        self._note(what, sorted(p.number for p in partitions))
        self._history.count(f"{what} partitions", len(partitions))
        for partition in partitions:
            self.tenures.pop(partition, None)

    def _leaks_nothing(self) -> None:
        for held, count in (
            (self.in_flight(), self._under_way()),
            (self.in_flight_elsewhere(), self._under_way_elsewhere()),
        ):
            if held != count:
                self._fail(Promise.IN_FLIGHT, f"{held} slots are held by {count} requests")

    def took(self, event: SourceEvent) -> None:
        """The pipeline has taken it."""
        if isinstance(event, Lost | MadeAnew):
            self._nothing_runs(event.partitions, Promise.NOTHING_AFTER_REVOKE)
        elif isinstance(event, Received):
            self._is_bounded()

    def _is_bounded(self) -> None:
        (records, size), policy = self.waiting(), self._history.shape.flow
        ahead = (AHEAD + 1) * self._history.shape.batch
        if records > 2 * policy.max_waiting_records + ahead:
            self._fail(Promise.MEMORY, f"{records} records wait")
        if size > 2 * policy.max_waiting_bytes + ahead * LARGEST_RECORD:
            self._fail(Promise.MEMORY, f"{size} bytes wait")

    def _nothing_runs(self, partitions: Collection[Partition], promise: Promise) -> None:
        running = [item.name for item in self.open.values() if item.partition in partitions]
        running += [f"{place} in preparation" for place in self.preparing if place[0] in partitions]
        if running:
            self._fail(promise, f"{running} still run")

    def asked(self, commits: Mapping[Partition, Commit]) -> None:
        """The pipeline commits."""
        self._note("commits", [(p.number, at.offset, at.metadata) for p, (_, at) in commits.items()])
        for partition, (epoch, position) in commits.items():
            tenure = self.tenures.get(partition)
            if tenure is None or tenure.epoch != epoch:
                self._fail(Promise.NOTHING_COMMITTED_AFTER_LOSS, f"{partition} at {position.offset}")
                return
            self._truthful(tenure, partition, position)
            self._whole(tenure, partition, position)
            tenure.asked, tenure.asked_at = position, self._history.world.now

    def _is_stale(self, tenure: Tenure, partition: Partition) -> bool:
        """Whether the topic was made anew since, and the process has not found it out."""
        return tenure.topic_id != self._history.logs[partition].topic_id

    def _truthful(self, tenure: Tenure, partition: Partition, position: Position) -> None:
        log = self._history.logs[partition]
        if topic_of(position) not in (None, tenure.topic_id):
            self._fail(Promise.TRUTHFUL_COMMIT, f"{partition} {position} is marked with another topic")
        if self._is_stale(tenure, partition) or finished_beyond(position) == tenure.told_spans:
            return
        first = log.first_open()
        if first is not None and first.offset < position.offset:
            self._fail(Promise.TRUTHFUL_COMMIT, f"{first.name} is below {position.offset}")
        spans = finished_beyond(position)
        for start, end in spans:
            for item in log.items[log.index(start) : log.index(end)]:
                if not item.is_terminal:
                    self._fail(Promise.TRUTHFUL_COMMIT, f"{item.name} is in {spans} of {position.offset}")
        if max([position.offset, *(end for _, end in spans)]) > log.end:
            self._fail(Promise.TRUTHFUL_COMMIT, f"{position} is beyond the end {log.end} of {partition}")

    def _whole(self, tenure: Tenure, partition: Partition, position: Position) -> None:
        if tenure.asked is not None and position.offset < tenure.asked.offset:
            self._fail(Promise.WHOLE_COMMIT, f"{partition} goes back to {position.offset}")
        if tenure.lacks and tenure.asked_at < self._history.world.now:
            self._fail(Promise.WHOLE_COMMIT, f"{partition} {tenure.asked} lacks {tenure.lacks}")
        is_cut = self._is_cut(position)
        tenure.lacks = [] if is_cut else [o for o in tenure.settled if not covers(position, o)]

    def _is_cut(self, position: Position | None) -> bool:
        """Whether not all that is finished may have had room in the metadata."""
        limit = min(self._history.shape.flow.max_metadata_bytes, self._history.metadata_limit)
        return limit < 1000 and (
            position is None or len(position.metadata) > limit // 2 - 60 or not position.metadata
        )

    def acknowledged(self, errors: Errors) -> None:
        """A commit was answered."""
        self._note("hears of a commit", [(p.number, error) for p, error in errors.items()])

    def let_go(self, partitions: Collection[Partition]) -> None:
        """The pipeline releases revoked partitions."""
        self._note("releases", sorted(p.number for p in partitions))
        self._nothing_runs(partitions, Promise.WHOLE_RELEASE)
        for partition in partitions:
            tenure = self.tenures.pop(partition, None)
            if tenure is not None and not self._is_cut(tenure.asked):
                missing = [o for o in tenure.settled if not covers(tenure.asked, o)]
                if missing:
                    self._fail(Promise.WHOLE_RELEASE, f"{partition} goes without a commit of {missing}")

    # From who prepares

    def asks(self, record: Record) -> None:
        """A record is to be prepared, which takes a while."""
        place = record.partition, record.offset
        self._note("has prepared", (record.partition.number, record.offset))
        self._history.count("prepared later")
        tenure = self.tenures.get(record.partition)
        if tenure is None or tenure.epoch != record.epoch or tenure.revoked or self.is_stopping:
            self._fail(Promise.NOTHING_AFTER_REVOKE, f"{place} begins to be prepared")
        self._is_first_of_its_lane(record)
        self.preparing[place] = record
        if len(self.preparing) > self._history.shape.lateness.most:
            self._fail(Promise.PREPARATION, f"{len(self.preparing)} at once")

    def _is_first_of_its_lane(self, record: Record) -> None:
        order, key = self._history.shape.flow.order, record.key
        if order is Order.NONE or (order is Order.KEY and key is None):
            return
        others: list[Record | Item] = [*self.preparing.values(), *self.open.values()]
        for item in others:
            if item.partition == record.partition and (order is Order.PARTITION or item.key == key):
                self._fail(Promise.ONE_OF_A_LANE, f"{record.offset} is prepared beside {item.offset}")

    def prepared(self, record: Record) -> None:
        """The process is about to be told."""
        del self.preparing[record.partition, record.offset]
        self.busy_at = self._history.world.now

    def called_off(self, record: Record) -> None:
        """The process called it off."""
        self.prepared(record)
        self._note("calls a preparation off", (record.partition.number, record.offset))
        self._history.count("preparations called off")

    def held(self, record: Record) -> None:
        """The process is about to be told that it cannot be prepared now."""
        self._note("cannot prepare", (record.partition.number, record.offset))
        self._history.count("held for preparation")

    # From the sender

    def sent(self, item: Item) -> None:
        """A request leaves."""
        self._note("sends", item.name)
        if (item.partition, item.offset) in self.preparing:
            self._fail(Promise.PREPARED, item.name)
        tenure = self._may_start(item)
        again = item.offset in tenure.attempts
        tenure.attempts[item.offset] = tenure.attempts.get(item.offset, 0) + 1
        if self._history.demands.quiet_drain or not again:
            self._is_not_over(tenure, item)
        self._is_not_done(tenure, item)
        self._is_in_order(item)
        self._lease_holds(item)
        self.open[item.partition, item.offset] = item
        if self._under_way() > self._limit:
            self._fail(Promise.IN_FLIGHT, f"{self._under_way()} under way")
        if self._under_way_elsewhere() > self._history.shape.hosts.most:
            self._fail(Promise.ELSEWHERE, f"{self._under_way_elsewhere()} under way")
        self._history.count("requests")
        if item.is_terminal and not again:
            self._history.count("repeats")

    def _may_start(self, item: Item) -> Tenure:
        tenure = self.tenures.get(item.partition)
        if tenure is None:
            raise BrokenError(Promise.NOTHING_AFTER_REVOKE, f"{self._name} starts {item.name}, which is gone")
        return tenure

    def _is_unknown(self, item: Item) -> bool:
        """Whether an item is of a topic that the process has not found out yet: it reads from its middle."""
        return self._is_stale(self.tenures[item.partition], item.partition)

    def _is_not_over(self, tenure: Tenure, item: Item) -> None:
        if tenure.revoked:
            self._fail(Promise.NOTHING_AFTER_REVOKE, f"{item.name} starts")
        if self.is_stopping:
            self._fail(Promise.NOTHING_AFTER_STOP, f"{item.name} starts")

    def _is_not_done(self, tenure: Tenure, item: Item) -> None:
        if item.offset in tenure.settled or item.offset in tenure.proven:
            self._fail(Promise.SETTLED_ONCE, f"{item.name} is sent again")
        if tenure.knew(item.offset):
            self._fail(Promise.NO_REPEAT, f"{item.name} was in the committed position")

    def _is_in_order(self, item: Item) -> None:
        before = self._history.before.get(item.name)
        if before is not None and not before.is_terminal and not self._is_unknown(item):
            self._fail(Promise.KEY_ORDER, f"{item.name} before {before.name}")
        lane = self._history.lane(item)
        if lane is not None:
            if lane in self.lanes:
                self._fail(Promise.ONE_OF_A_LANE, f"{item.name} beside {self.lanes[lane].name}")
            self.lanes[lane] = item

    def _lease_holds(self, item: Item) -> None:
        owner = self._history.owner(item.partition)
        if owner is not None and owner.partition("/")[0] != self._name:
            self._history.count("zombie requests")
            if self._history.demands.lease:
                self._fail(Promise.LEASE, f"{item.name} belongs to {owner}")

    def answered(self, item: Item, answer: Answer) -> None:
        """The process is about to be told."""
        self._ends(item)
        result = answer.reason if isinstance(answer, TransportError) else answer.status
        self._note("is answered", (item.name, result))
        item.forbidden += result == 403
        if isinstance(result, int) and 200 <= result < 300:
            if item.kind is not Kind.ELSEWHERE:
                self.deliveries += 1
                self.refused.clear()
                self.failing.clear()
            self._proves(item, "delivered")
        elif item.kind is not Kind.ELSEWHERE and result not in REFUSED_STATUSES:
            self.failing.add(item.name)
            self.alone = self.alone + 1 if self.failed_last == item.name else 1
            self.failed_last = item.name

    def gave_up(self, item: Item) -> None:
        """The process called the request off."""
        self._ends(item)
        self._note("gives up", item.name)

    def _ends(self, item: Item) -> None:
        self.busy_at = self._history.world.now
        del self.open[item.partition, item.offset]
        lane = self._history.lane(item)
        if lane is not None:
            del self.lanes[lane]

    def _proves(self, item: Item, how: str) -> None:
        self._history.terminal(item)
        if tenure := self.tenures.get(item.partition):
            tenure.proven[item.offset] = how

    def corrupt(self, what: str) -> None:
        """A request that is no record's."""
        self._fail(Promise.INTACT, what)

    # From the dead-letter topic

    def letter_sent(self, item: Item | None, letter: DeadLetter, code: str) -> None:
        """A letter leaves."""
        if item is None or (letter.key, letter.value) != (item.key, item.value):
            self._fail(Promise.INTACT, repr(letter))
            return
        self._note("writes a letter", (item.name, code))
        if (item.partition, item.offset) in self.preparing:
            self._fail(Promise.PREPARED, item.name)
        tenure = self._may_start(item)
        if item.offset in tenure.settled:
            self._fail(Promise.SETTLED_ONCE, f"{item.name} is dead-lettered too")
        before = self._history.before.get(item.name)
        if before is not None and not before.is_terminal and not self._is_unknown(item):
            self._fail(Promise.KEY_ORDER, f"letter of {item.name} before {before.name}")
        self._is_right(tenure, item, code)
        self._is_paid_for(item, code)

    def _is_paid_for(self, item: Item, code: str) -> None:
        """Refused or unusable: each as many as it may be at a start, and those that deliveries paid for."""
        budget = self._history.shape.admission.budget
        if budget is None or code == Kind.TOMBSTONE.value or item.kind is Kind.ELSEWHERE:
            return
        paid = self.paid[code in UNUSABLE]
        paid.add(item.name)
        if len(paid) > budget.credit + budget.per_delivery * self.deliveries:
            self._fail(Promise.BUDGET, f"{item.name}: {len(paid)} letters, {self.deliveries} deliveries")

    def _is_right(self, tenure: Tenure, item: Item, code: str) -> None:
        """Records that nothing is wrong with may fail by the endpoint's fault only."""
        if code == item.kind.value or code == REFUSALS.get(item.kind):
            right = True
        elif code == "refused":
            right = item.forbidden > 0
        else:
            right = code == "retries_exhausted" and tenure.attempts.get(item.offset, 0) > 0
        if not right:
            self._fail(Promise.RIGHT_CODE, f"{item.name}, which is {item.kind.name}, is called {code}")
        self._history.count(f"letters {code}")
        if item.kind is Kind.GOOD:
            self._is_nobodys_fault(item, code)

    def _is_nobodys_fault(self, item: Item, code: str) -> None:
        """A record that failed only while the endpoint was down is not to blame, and others fail with it."""
        history, policy = self._history, self._history.shape
        if code == "refused":
            self._is_within_credit(item)
        elif (
            not item.fair_failures
            and policy.admission.circuit.enabled
            and self._is_patient()
            and len(self.failing) > 1
            and self.alone < ALONE * policy.admission.circuit.minimum
        ):
            history.count("buried by an outage")
            if history.demands.circuit:
                self._fail(Promise.OUTAGE, f"{item.name} never failed but in an outage")

    def _is_within_credit(self, item: Item) -> None:
        """Nothing was delivered meanwhile. What is written again was paid for before."""
        if item.name in self.buried:
            return
        self.buried.add(item.name)
        self.refused.add(item.name)
        budget = self._history.shape.admission.budget
        if self._history.demands.budget and budget and len(self.refused) > budget.credit:
            self._fail(Promise.BUDGET, f"{item.name} is one of {len(self.refused)} good records")

    def _is_patient(self) -> bool:
        """Whether an outage may take as long as it likes, and is noticed before a record's time is up."""
        elapsed = self._history.shape.retry.max_elapsed
        max_outage = self._history.shape.admission.circuit.max_outage
        return max_outage is None and (elapsed is None or elapsed >= 600)

    def letter_answered(self, item: Item, error: WriteError | None) -> None:
        """The process is about to be told."""
        self._note("hears of a letter", (item.name, error and error.reason))
        self.busy_at = self._history.world.now
        if error is None:
            self._proves(item, "dead_lettered")
            return
        for paid in self.paid:  # paid back, should it be given up
            paid.discard(item.name)

    # From the topic of reports

    def report_sent(
        self, partition: Partition, offset: int, outcome: str
    ) -> tuple[Item | None, Tenure | None]:
        """A report leaves; of which record, if it is one that is there, and of which assignment."""
        self._note("reports", (partition.number, offset, outcome))
        self._history.count("reports")
        tenure = self.tenures.get(partition)
        if tenure is None or self._is_stale(tenure, partition):
            return None, tenure
        item = self._history.logs[partition].by_offset[offset]
        is_skipped = item.kind is Kind.TOMBSTONE and self._history.shape.skip_tombstones
        if outcome != ("skipped" if is_skipped else tenure.proven.get(offset)):
            self._fail(Promise.REPORTED, f"{item.name} is reported as {outcome}")
        if offset in tenure.reported:
            self._fail(Promise.REPORTED, f"{item.name} is reported again")
        return item, tenure

    def report_answered(
        self, place: tuple[Partition, int], tenure: Tenure | None, error: WriteError | None
    ) -> None:
        """The process is about to be told."""
        self._note("hears of a report", (place[0].number, place[1], error and error.reason))
        self.busy_at = self._history.world.now
        if error is not None:
            self._history.count("reports that failed")
        elif tenure is not None:
            tenure.reported.add(place[1])

    # From the delivery

    def settled(self, record: Record) -> None:
        """Nothing more has to be done for a record, says the delivery."""
        tenure = self.tenures.get(record.partition)
        if tenure is None or tenure.epoch != record.epoch:
            self._note("settles late", (record.partition.number, record.offset))
            return
        if self._is_stale(tenure, record.partition):
            tenure.settled[record.offset] = self.busy_at = self._history.world.now
            return
        item = self._history.logs[record.partition].by_offset[record.offset]
        self._note("settles", item.name)
        if record.offset in tenure.settled:
            self._fail(Promise.SETTLED_ONCE, f"{item.name} is settled again")
        skipped = item.kind is Kind.TOMBSTONE and self._history.shape.skip_tombstones
        if not skipped and record.offset not in tenure.proven:
            self._fail(Promise.SETTLED_TRUTHFULLY, f"{item.name} is called settled")
        if self._history.shape.must_report and record.offset not in tenure.reported:
            self._fail(Promise.REPORTED, f"{item.name} is settled before its report is acknowledged")
        tenure.settled[record.offset] = self.busy_at = self._history.world.now

    # At its end

    def stopped(self, committed: Positions) -> None:
        """The pipeline says that its stop is over."""
        self._note("has stopped")
        self._nothing_runs(self.tenures.keys(), Promise.STOP)
        if self._history.world.now - self.busy_at >= LAST_COMMIT_SECONDS - 0.01:
            return
        for partition, tenure in self.tenures.items():
            if self._is_stale(tenure, partition) or self._history.is_refused(partition.topic):
                continue
            missing = [o for o in tenure.settled if not covers(committed.get(partition), o)]
            if missing and not self._is_cut(committed.get(partition)):
                self._fail(Promise.STOP, f"{partition} ends at {committed.get(partition)} without {missing}")

    def crashed(self, committed: Positions, since: float) -> None:
        """It is gone; what was settled before `since` has to be committed."""
        self._note("crashes")
        for partition, tenure in self.tenures.items():
            if self._is_stale(tenure, partition) or self._history.is_refused(partition.topic):
                continue
            missing = [o for o, at in tenure.settled.items() if not covers(committed.get(partition), o)]
            self._history.count("settled and not committed at a crash", len(missing))
            old = [o for o in missing if tenure.settled[o] < since]
            if old and not self._is_cut(committed.get(partition)):
                self._fail(Promise.FRESH_COMMIT, f"{partition}: {old} at {committed.get(partition)}")


def _nobody(_: Partition) -> str | None:
    return None


def _none() -> tuple[int, int]:
    return 0, 0


def _plain(ends: Mapping[Partition, int]) -> list[tuple[int, int]]:
    return [(partition.number, end) for partition, end in ends.items()]
