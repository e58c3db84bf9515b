"""Closing: what is written of a run before it is over, its dead letter and then its report.

Promises:
- where reports are required no run is over whose report is not acknowledged; while that cannot be written its
  partition is held, as with a dead letter, and its event is not sent again;
- a report that is not required keeps no run from being over;
- of one that is given up nothing more is written, and nothing told.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial

from processor.core.dead_letter import Failure
from processor.core.pace.budget import Fault
from processor.core.progress.assignment import Hold
from processor.core.progress.flow import Flow
from processor.core.reports import report
from processor.core.reports.report import Settlement
from processor.traffic.attempt import Run, Stage
from processor.traffic.undelivered.dead_letters import Letters
from processor.traffic.written.reports import Reports


class Closing:
    """Those of one process."""

    def __init__(
        self,
        letters: Letters,
        reports: Reports | None,
        flow: Flow,
        *,
        closed: Callable[[Run], None],
        waits: Callable[[Run, Stage], None],
    ) -> None:
        """`closed` is called when all is written of a run, `waits` when one cannot be written for now."""
        self._letters = letters
        self._reports = reports
        self._flow = flow
        self._closed = closed
        self._waits = waits

    def has_room(self) -> bool:
        """Whether another record may be begun: not, where too many wait to be reported."""
        return self._reports is None or not (self._reports.is_required and self._reports.pressure.is_full())

    def late_letters(self) -> int:
        """How many dead letters could not be written yet."""
        return self._letters.late

    def late_reports(self) -> int:
        """How many reports that are required could not be written yet."""
        return 0 if self._reports is None else self._reports.late

    def check(self, stages: Counter[Stage]) -> None:
        """Each that waits for its report is on its way."""
        waiting = stages[Stage.REPORT] + stages[Stage.BLOCKED_REPORT]
        reports = self._reports
        assert reports is None or not reports.is_required or reports.pressure.on_their_way() == waiting

    def bury(self, run: Run, failure: Failure, paid: Fault | None) -> None:
        """Write its dead letter, which was paid as that."""
        run.paid = paid
        run.enter(Stage.LETTER)
        run.writing = self._letters.write(
            run.record,
            failure,
            partial(self._buried, run, failure),
            partial(self._blocked, run, Stage.BLOCKED_LETTER, Hold.DEAD_LETTER),
            partial(run.enter, Stage.LETTER),
        )

    def report(self, run: Run, settlement: Settlement) -> bool:
        """Report how it was settled; whether it is over only when that is acknowledged."""
        reports = self._reports
        if reports is None or not report.is_told(reports.policy, settlement):
            return False
        if not reports.is_required:
            reports.tell(run.record, settlement)
            return False
        run.enter(Stage.REPORT)
        run.writing = reports.write(
            run.record,
            settlement,
            partial(self._reported, run),
            partial(self._blocked, run, Stage.BLOCKED_REPORT, Hold.REPORT),
            partial(run.enter, Stage.REPORT),
        )
        return True

    def _buried(self, run: Run, failure: Failure) -> None:
        run.writing = run.paid = None  # what was paid is spent, whatever becomes of its report
        if not self.report(run, report.dead_lettered(failure, run.took)):
            self._closed(run)

    def _reported(self, run: Run) -> None:
        run.writing = None
        self._closed(run)

    def _blocked(self, run: Run, stage: Stage, why: Hold) -> None:
        """It could not be written; it is written again, until it can be."""
        self._flow.blocked(run.record, why)
        self._waits(run, stage)
