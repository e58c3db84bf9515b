"""The oracle: what was produced, received, dead-lettered and committed, and what is wrong with it.

Verdicts, each with the event it is about:

- `lost`: committed, and neither dealt with at the endpoint nor dead-lettered;
- `unseen`: not committed either, at the end;
- `stuck`: a partition whose committed offset is not its end;
- `duplicate`: sent again after it had been dealt with, and neither a fault nor an ambiguous answer is
  the reason; or sent again although a commit covered it, for which there is no reason;
- `reordered`: dealt with for the first time after a later event of its key;
- `overlap`: sent while another request of its key was under way;
- `unissued`, `corrupt`: received, and never produced, or not as it was produced;
- `regress`: a committed offset that went back;
- `wrongly dead-lettered`: a dead letter of an event that the endpoint does not refuse, or of another code.

A fault is a reason for repeats of what its member had under way, or had finished and no commit covered:
not longer than WINDOW_SECONDS ago. A fault of a broker is a reason for
those of every member, from as long before it until as long after it as members take to come back.

Columns in place of objects: a million events take some 60 MB.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from processor.core.progress.offset_codec import decode
from tests.faults.events import Fate, Plan
from tests.faults.receipts import SETTLED, Outcome, Receipts

WINDOW_SECONDS = 5.0
"""While a classic rebalance waits for a dead member to time out, commits wait behind it: a session of three
seconds, a commit interval of one, and the ways to the broker."""
CALM_SECONDS = 1.5
"""The same where no rebalance is under way."""
NEVER = 0xFFFF_FFFF
EVERYONE = 0
"""The member of a fault that meets all members."""
NO_WAY_BACK = "no way back"
"""The kind of a fault in which requests or answers got stuck on the way between a member and the endpoint."""
MOST_TOLD = 200
"""So many findings are kept in full; all are counted."""


class Fault(NamedTuple):
    """What was done to whom; `until_ms` is when the last of its consequences had to be over."""

    kind: str
    member: int
    at_ms: int
    until_ms: int
    excuses: bool
    """Whether it is a reason for repeats: a stop by SIGTERM, say, is none."""


class Finding(NamedTuple):
    """Something wrong."""

    verdict: str
    n: int | None
    text: str


class Bound(NamedTuple):
    """What a fault may have caused, and what it did: requests.

    `finished_since` counts what the endpoint was done with when it came, and no commit covered;
    `finished_lately` what it was done with in the last CALM_SECONDS.
    """

    fault: Fault
    under_way: int
    finished_since: int
    finished_lately: int
    repeats: int


class Commit(NamedTuple):
    """A committed position as the broker wrote it down."""

    at_ms: int
    partition: int
    offset: int
    metadata: str


@dataclass
class Verdict:
    """The result."""

    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    bounds: list[Bound] = field(default_factory=list)
    letters: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    allowed: int = 0
    ambiguous_repeats: int = 0
    letter_repeats: int = 0
    longest_since_finished: float = 0.0
    """Of all repeats that a fault of a member explains: seconds from the first answer to the fault."""
    longer_than_calm: int = 0
    """How many of those were more than CALM_SECONDS."""

    def add(self, verdict: str, n: int | None, text: str) -> None:
        """Something is wrong."""
        self.counts[verdict] += 1
        if len(self.findings) < MOST_TOLD:
            self.findings.append(Finding(verdict, n, text))


class Ledger:
    """What is known of one run. Facts may come in any order; `judge` at the end."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.receipts = Receipts()
        self.corrupt: list[tuple[int, str]] = []
        self.letters: dict[int, list[str]] = defaultdict(list)
        self.strange_letters: list[str] = []
        self.faults: list[Fault] = []
        self.commits: list[Commit] = []
        self._partition = array("h", b"\xff\xff" * plan.events)
        self._offset = array("I", bytes(4 * plan.events))
        self._numbers: dict[int, array[int]] = defaultdict(lambda: array("I"))

    # Facts

    def produced(self, n: int, partition: int, offset: int) -> None:
        """The broker acknowledged event n."""
        numbers = self._numbers[partition]
        numbers.extend([NEVER] * (offset + 1 - len(numbers)))
        numbers[offset] = n
        self._partition[n], self._offset[n] = partition, offset

    def received(self, receipts: Receipts, corrupt: Iterable[tuple[int, str]] = ()) -> None:
        """All that the endpoint received; rows and texts of requests that were not as produced."""
        self.receipts, self.corrupt = receipts, list(corrupt)

    def dead_lettered(self, n: int | None, code: str) -> None:
        """A dead letter was found; None: of no event of ours."""
        if n is None:
            self.strange_letters.append(code)
        else:
            self.letters[n].append(code)

    def committed(self, commit: Commit) -> None:
        """The broker wrote a committed position down."""
        self.commits.append(commit)

    def fault(self, fault: Fault) -> None:
        """Something was done."""
        self.faults.append(fault)

    # Questions

    def issued(self) -> int:
        """How many events were acknowledged."""
        return sum(1 for partition in self._partition if partition >= 0)

    def judge(self) -> Verdict:
        """Look for everything that is wrong."""
        return _Judgement(self).verdict

    def story(self, n: int) -> str:
        """All that is known of an event, and the faults around it, in the order of time."""
        lines = [(0, f"produced to partition {self._partition[n]} at offset {self._offset[n]}")]
        lines += [(0, f"key {self.plan.key(n)}, fate {self.plan.fate(n).name}")]
        rows = [row for row in range(len(self.receipts)) if self.receipts.n[row] == n]
        lines += [line for row in rows for line in self._told(row)]
        if (covered := self.covered()[n]) != NEVER:
            lines.append((covered, "covered by a commit"))
        times = [at for at, _ in lines if at] or [0]
        first, last = min(times) - 5_000, max(times) + 5_000
        lines += [
            (commit.at_ms, f"commit of its partition at {commit.offset}")
            for commit in self.commits
            if commit.partition == self._partition[n] and first <= commit.at_ms <= last
        ]
        near = [fault for fault in self.faults if fault.until_ms >= first and fault.at_ms <= last]
        lines += [(f.at_ms, f"FAULT {f.kind} of {f.member or 'all'}") for f in near]
        lines += [(last, f"dead letter {code}") for code in self.letters.get(n, [])]
        return "\n".join(f"{at / 1000:10.3f}  {text}" for at, text in sorted(lines))

    def covered(self) -> "array[int]":
        """For every event when a commit first covered it, in milliseconds; NEVER: none did."""
        covered = array("I", b"\xff\xff\xff\xff" * self.plan.events)
        reached: dict[int, int] = defaultdict(int)
        for at_ms, partition, offset, metadata in self.commits:
            numbers = self._numbers[partition]
            spans = [(reached[partition], offset), *decode(offset, metadata)]
            reached[partition] = max(reached[partition], offset)
            for first, end in spans:
                for n in numbers[first:end]:
                    if n != NEVER and covered[n] == NEVER:
                        covered[n] = at_ms
        return covered

    def is_issued(self, n: int) -> bool:
        """Whether event n was acknowledged."""
        return n < self.plan.events and self._partition[n] >= 0

    def ends(self) -> dict[int, int]:
        """The end of every partition, as the acknowledgements tell it."""
        return {partition: len(numbers) for partition, numbers in self._numbers.items()}

    def _told(self, row: int) -> Iterator[tuple[int, str]]:
        known = self.receipts
        yield known.began_ms[row], f"request {row} from {known.member[row]}"
        if known.ended[row]:
            yield known.ended_ms[row], f"request {row}: {Outcome(known.outcome[row]).name}"


class _Judgement:
    """One pass over a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._receipts = ledger.receipts
        self._covered = ledger.covered()
        self._settled = array("i", b"\xff\xff\xff\xff" * ledger.plan.events)
        self._blamed: Counter[Fault] = Counter()
        self.verdict = Verdict()
        self._judge_bodies()
        self._judge_repeats()
        self._judge_order()
        self._judge_letters()
        self._judge_ends()
        self._judge_commits()
        self._count_bounds()

    # Requests

    def _judge_bodies(self) -> None:
        for row, text in self._ledger.corrupt:
            self.verdict.add("corrupt", self._known(row), f"request {row}: {text}")
        for row, n in enumerate(self._receipts.n):
            if not self._ledger.is_issued(n):
                self.verdict.add("unissued", None, f"request {row} is of event {n}")

    def _judge_repeats(self) -> None:
        outcomes, settled = self._receipts.outcome, self._settled
        for row, n in enumerate(self._receipts.n):
            if not self._ledger.is_issued(n):
                continue
            if (earlier := settled[n]) >= 0:
                self._judge_repeat(n, earlier, row)
            if outcomes[row] in SETTLED:
                settled[n] = row

    def _judge_repeat(self, n: int, earlier: int, row: int) -> None:
        known = self._receipts
        if self._covered[n] < known.began_ms[row]:
            self.verdict.repeats += 1
            text = f"request {row} came after a commit had covered it at {self._covered[n] / 1000:.3f} s"
            self.verdict.add("duplicate", n, text)
        elif known.outcome[earlier] == Outcome.AMBIGUOUS:
            self.verdict.ambiguous_repeats += 1
        else:
            self.verdict.repeats += 1
            fault = self._reason(earlier)
            if fault:
                self._blame(fault, earlier)
            else:
                self.verdict.add("duplicate", n, f"request {row} repeats request {earlier} without a reason")

    def _reason(self, row: int) -> Fault | None:
        """The fault, its sender's own first, why what was done with a request may not be remembered."""
        found = [fault for fault in self._ledger.faults if fault.excuses and self._met(fault, row)]
        return min(found, key=lambda fault: (fault.member == EVERYONE, fault.at_ms), default=None)

    def _met(self, fault: Fault, row: int) -> bool:
        known = self._receipts
        began, ended = known.began_ms[row], known.ended_ms[row] or NEVER
        if fault.member == EVERYONE:
            return began <= fault.until_ms and ended >= fault.at_ms - WINDOW_SECONDS * 1000
        is_its = known.member[row] == fault.member
        return is_its and began <= fault.until_ms and ended >= fault.at_ms - WINDOW_SECONDS * 1000

    def _blame(self, fault: Fault, earlier: int) -> None:
        self._blamed[fault] += 1
        if fault.member != EVERYONE and self._receipts.ended[earlier]:
            since = (fault.at_ms - self._receipts.ended_ms[earlier]) / 1000
            self.verdict.longest_since_finished = max(self.verdict.longest_since_finished, since)
            self.verdict.longer_than_calm += since > CALM_SECONDS

    def _judge_order(self) -> None:
        """Overlaps, and first deliveries that come after a later one of their key."""
        last: dict[int, int] = {}
        first_settled = bytearray(self._ledger.plan.events)
        running: dict[int, list[int]] = defaultdict(list)
        for row, begins in self._receipts.moments():
            n = self._receipts.n[row]
            if not self._ledger.is_issued(n):
                continue
            key = self._ledger.plan.key(n)
            if begins:
                self._judge_overlaps(row, running[key])
                running[key].append(row)
                continue
            running[key].remove(row)
            if self._receipts.outcome[row] in SETTLED and not first_settled[n]:
                first_settled[n] = 1
                if (later := last.get(key, -1)) > n:
                    self.verdict.add("reordered", n, f"request {row} came after event {later} of its key")
                last[key] = max(n, last.get(key, -1))

    def _judge_overlaps(self, row: int, running: list[int]) -> None:
        for other in running:
            if not self._may_overlap(row, other):
                n = self._receipts.n[row]
                self.verdict.add("overlap", n, f"request {row} came while request {other} was under way")

    def _may_overlap(self, row: int, other: int) -> bool:
        """A member alone never has two of a key under way, unless one came late out of a broken wire."""
        reason = self._reason(other)
        is_alone = self._receipts.member[other] == self._receipts.member[row]
        return reason is not None and (not is_alone or reason.kind == NO_WAY_BACK)

    # The rest

    def _judge_letters(self) -> None:
        for code in self._ledger.strange_letters:
            self.verdict.add("wrongly dead-lettered", None, f"a letter {code} of no event of ours")
        for n, codes in self._ledger.letters.items():
            self.verdict.letters.update(codes)
            self.verdict.letter_repeats += len(codes) - 1
            if self._ledger.plan.fate(n) is not Fate.POISON or set(codes) != {"refused"}:
                self.verdict.add("wrongly dead-lettered", n, f"{codes}")

    def _judge_ends(self) -> None:
        for n in range(self._ledger.plan.events):
            if not self._ledger.is_issued(n) or self._is_finished(n):
                continue
            verdict = "unseen" if self._covered[n] == NEVER else "lost"
            self.verdict.add(verdict, n, "neither delivered nor dead-lettered")

    def _is_finished(self, n: int) -> bool:
        row = self._settled[n]
        if row < 0 or self._receipts.outcome[row] == Outcome.REFUSED:
            return n in self._ledger.letters
        return True

    def _judge_commits(self) -> None:
        reached: dict[int, int] = dict.fromkeys(self._ledger.ends(), 0)
        for at_ms, partition, offset, _ in self._ledger.commits:
            if offset < reached.get(partition, 0):
                text = f"partition {partition} from {reached[partition]} to {offset} at {at_ms / 1000:.3f} s"
                self.verdict.add("regress", None, text)
            reached[partition] = offset
        for partition, end in self._ledger.ends().items():
            if reached[partition] != end:
                self.verdict.add("stuck", None, f"partition {partition}: {reached[partition]} of {end}")

    def _count_bounds(self) -> None:
        """What every fault may have caused."""
        of_member: dict[int, list[Fault]] = defaultdict(list)
        for fault in self._ledger.faults:
            if fault.excuses:
                of_member[fault.member].append(fault)
        counts = Counter[tuple[Fault, str]]()
        for row, member in enumerate(self._receipts.member):
            for fault in (*of_member.get(member, ()), *of_member.get(EVERYONE, ())):
                counts.update((fault, kind) for kind in self._standing(row, fault.at_ms))
        for fault in (fault for faults in of_member.values() for fault in faults):
            under_way, since, lately = (counts[fault, kind] for kind in ("under way", "since", "lately"))
            self.verdict.bounds.append(Bound(fault, under_way, since, lately, self._blamed[fault]))
        self.verdict.allowed = sum(b.under_way + b.finished_since for b in self.verdict.bounds)

    def _standing(self, row: int, at_ms: int) -> Iterator[str]:
        """How a request stood at a moment, as Bound has it."""
        known, n = self._receipts, self._receipts.n[row]
        ended = known.ended_ms[row] or NEVER
        if known.began_ms[row] > at_ms or not self._ledger.is_issued(n):
            return
        if ended >= at_ms:
            yield "under way"
        elif known.outcome[row] in SETTLED:
            if self._covered[n] > at_ms:
                yield "since"
            if ended >= at_ms - CALM_SECONDS * 1000:
                yield "lately"

    def _known(self, row: int) -> int | None:
        n = self._receipts.n[row]
        return n if self._ledger.is_issued(n) else None
