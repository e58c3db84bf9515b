"""Tracing, its rooms put together: who decides, the SDK, and the way to the collector."""

from collections.abc import Callable

from processor.background import Failed
from processor.config.settings import Settings
from processor.telemetry.facts import Facts
from processor.telemetry.tracing.exports import Exports
from processor.telemetry.tracing.traces import Traces, TracesPolicy


class Tracing:
    """That of one process. `wall`: timestamps; `chance`: numbers from 0 to 1."""

    def __init__(self, policy: TracesPolicy, wall: Callable[[], float], chance: Callable[[], float]) -> None:
        # Half a second and 12 MB: only where somebody asks for it.
        from processor.telemetry.tracing.otel import Collector, OpenTelemetrySpans

        collector = Collector()
        self._exports = Exports(collector.export, collector.stop, self._tick)
        self.traces = Traces(policy, OpenTelemetrySpans(self._exports.put), wall, chance)
        self._facts = Facts()

    async def open(self, facts: Facts, failed: Failed) -> None:
        """From now on spans leave; `failed` is told why not any more."""
        self._facts = facts
        await self._exports.open(facts, failed)

    async def close(self) -> None:
        """End all that is open, and send it, for a few seconds at the most."""
        self.traces.end_all()
        await self._exports.close()

    def _tick(self) -> None:
        self.traces.tick(self._facts)


def tracing_of(settings: Settings, wall: Callable[[], float], chance: Callable[[], float]) -> Tracing | None:
    """As the operator said it; None: nothing is followed."""
    said = settings.tracing
    if said.exporter is None:
        return None
    policy = TracesPolicy(
        said.sampling_policy(),
        settings.kafka.group_id,
        settings.secrets,
        is_parent=said.parent == "record",
        propagates=said.propagate,
    )
    return Tracing(policy, wall, chance)
