"""What a kill -9 in the middle of a backlog costs a contender: events lost, repeated, out of order."""

import time
from dataclasses import dataclass

from tests.benchmarks.contender import Contender
from tests.benchmarks.judge import Verdict
from tests.benchmarks.measure import Bench, StuckError
from tests.benchmarks.scenario import Scenario


@dataclass(frozen=True)
class Kill:
    """The verdict over both lives, and how long the second took to begin to deliver, in seconds."""

    contender: str
    verdict: Verdict
    silent_seconds: float


def kill(bench: Bench, scenario: Scenario, contender: Contender) -> Kill:
    """Kill it when half is delivered, start it anew in the same group, and let it deliver the rest.

    What it has not delivered when it falls silent is lost.
    """
    events = scenario.shape.events
    with bench.scene(scenario, contender, bench.backlogs.topic(scenario.shape)) as scene:
        scene.wait_for(events // 2)
        scene.kill()
        reached, killed_at = scene.receiver.receipts.settled(), time.monotonic()
        scene.start()
        try:
            scene.wait_for(min(events, reached + 1))
            silent = time.monotonic() - killed_at
            scene.wait_for(events)
        except StuckError:
            silent = time.monotonic() - killed_at
        return Kill(contender.name, scene.verdict(), silent)
