"""The policies of the processes of a history."""

from dataclasses import dataclass, field

from processor.core.pace.admission import AdmissionPolicy
from processor.core.pace.hosts import HostsPolicy
from processor.core.progress.flow import FlowPolicy
from processor.core.reports.report import ReportPolicy
from processor.core.retry import RetryPolicy
from processor.traffic.pipeline import PipelinePolicy
from processor.traffic.unprepared import MOST


@dataclass(frozen=True, slots=True)
class Lateness:
    """How records are prepared: the share that is answered for later, and of how many at once that may be.

    `away`: from when to when what it takes is not to be had; `is_rude`: who prepares answers though it was
    called off. `is_framed`: records name their schemas in a registry, which answers late and is `away`.
    """

    share: float = 0.0
    most: int = MOST
    away: tuple[tuple[float, float], ...] = ()
    is_rude: bool = False
    is_framed: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """How every process of a history is configured."""

    flow: FlowPolicy = field(default_factory=FlowPolicy)
    admission: AdmissionPolicy = field(default_factory=AdmissionPolicy)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    pipeline: PipelinePolicy = field(default_factory=PipelinePolicy)
    skip_tombstones: bool = True
    batch: int = 500
    hosts: HostsPolicy = field(default_factory=HostsPolicy)
    lateness: Lateness = field(default_factory=Lateness)
    reports: ReportPolicy | None = None
    """None: nothing is reported."""

    @property
    def must_report(self) -> bool:
        """Whether nothing may be settled that is not reported."""
        return self.reports is not None and self.reports.is_required

    @property
    def session(self) -> float:
        """Seconds without a heartbeat after which a member is forgotten."""
        return self.pipeline.lease.session_timeout

    @property
    def most_in_flight(self) -> int:
        """Requests under way at once."""
        return self.admission.concurrency.max_in_flight
