"""Reports until they are acknowledged, or until they are given up.

Promises: those of `written/writing`, and of `core/reports`: a report that is required is written until it is
acknowledged; one that is not is written once, while few are on their way and they arrive, and else counted.
"""

from collections.abc import Callable

from processor.clock import Clock
from processor.core.reports.pressure import Pressure
from processor.core.reports.report import WHOLE, ReportPolicy, Settlement, lesser, written
from processor.errors import WriteError
from processor.model import Message, Record
from processor.telemetry.facts import Facts
from processor.traffic.written.writing import Topic, Writer, Writing, nobody


class Reports(Writer):
    """All reports of this process that are being written."""

    def __init__(
        self,
        policy: ReportPolicy,
        topic: Topic,
        clock: Clock,
        chance: Callable[[], float],
        facts: Facts,
        pressure: Pressure | None = None,
    ) -> None:
        super().__init__(topic, clock, chance)
        self.policy = policy
        self.facts = facts
        self.pressure = pressure or Pressure()

    @property
    def is_required(self) -> bool:
        """Whether nothing is settled that is not reported."""
        return self.policy.is_required

    def write(
        self,
        record: Record,
        settlement: Settlement,
        written: Callable[[], None],
        blocked: Callable[[], None],
        rewritten: Callable[[], None],
    ) -> "Report":
        """Write one that is required; `written` is called once it is acknowledged.

        `blocked` is called when that fails, and then `rewritten`, when it is tried again.
        """
        report = Report(self, record, settlement, written, blocked, rewritten)
        self.send(report)
        return report

    def tell(self, record: Record, settlement: Settlement) -> None:
        """Write one that nobody waits for, if it may be."""
        if self.pressure.takes(self._clock.time()):
            self.send(Report(self, record, settlement, nobody, nobody, nobody))
        else:
            self.facts.unreported(record, None, is_held=False)

    def suffered(self) -> None:
        """One that may be lost could not be written: the next are not tried at once."""
        self.pressure.failed(self._clock.time(), self._chance())


class Report(Writing):
    """A report on its way, which it is until it is acknowledged or given up."""

    def __init__(
        self,
        reports: Reports,
        record: Record,
        settlement: Settlement,
        written: Callable[[], None],
        blocked: Callable[[], None],
        rewritten: Callable[[], None],
    ) -> None:
        super().__init__(reports, record, written, blocked, rewritten)
        self._reports = reports
        self._settlement = settlement
        self._form = WHOLE
        reports.pressure.begun()

    def message(self) -> Message:
        """How the record was settled."""
        return written(self._reports.policy, self.record, self._settlement, self._form)

    def becomes_less(self, reason: str) -> bool:
        """Whether it reads otherwise now, after it was refused for that."""
        form = lesser(self.record, self._form, reason)
        self._form = form or self._form
        return form is not None

    def acknowledged(self, message: Message) -> None:  # noqa: ARG002 - whatever its form, it tells how it ended
        """It is in its topic, acknowledged by all replicas."""
        self._reports.pressure.ended()
        self._reports.pressure.succeeded()
        self._reports.facts.reported(self.record)

    def failed(self, error: WriteError) -> bool:
        """One that is required is written again, until it can be."""
        reports = self._reports
        reports.facts.unreported(self.record, error, is_held=reports.is_required)
        if not reports.is_required:
            reports.suffered()
            reports.pressure.ended()
        return reports.is_required

    def give_up(self) -> None:
        """Nobody waits for it any more: whether it arrives is not told."""
        super().give_up()
        self._reports.pressure.ended()
