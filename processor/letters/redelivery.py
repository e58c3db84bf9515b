"""Letters sent again to the endpoint, by the ordinary traffic with their topic as its source.

Promises:
- a run ends once what the topic held when it began is settled, by us or by another process of the same group,
  and says what came of it; killed and begun again it goes on where it was, and what was finished is not sent
  again;
- where the endpoint takes nothing, for what it is or for who sends it, the run ends too: the fault is not
  theirs, and they stay open;
- while the endpoint is down it waits, as ever.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from processor.admin.pages import Pages
from processor.admin.server import Admin
from processor.app import App, Front
from processor.config.settings import Settings
from processor.core.letters.redelivery import Excerpt, RedeliveryPolicy
from processor.errors import FatalError
from processor.kafka.checks.open_letters import OpenLetters, Standing
from processor.letters.reading import standing_now
from processor.letters.redelivering import Run, parking, settings_for
from processor.letters.tally import Progress, Tally

LOOK_SECONDS = 1.0
STUCK_SECONDS = 60.0
"""After so long in which nothing was settled, and failures wait to be paid for, nothing will be."""
MADE_ANEW = (
    "the topic of dead letters was made anew, or cut, while they were sent again: what it holds now is "
    "sent by the same command, begun again"
)
RATE_LOOKS = 10
"""Of how many looks the rate is."""


class Outcome(IntEnum):
    """How a run ended: the exit status of the command."""

    ALL_DELIVERED = 0
    STOPPED = 1
    """Before its end, as asked."""
    SOME_FAILED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be sent again: by which group, at how many a second at most.

    `parked`: the topic for what may not be sent any more; None: it is passed over.
    """

    policy: RedeliveryPolicy
    group: str
    rate: float
    parked: str | None = None


class Sight:
    """The pages of a run: shown at the admin port, or to nobody but us."""

    def __init__(self, settings: Settings, *, serves: bool) -> None:
        self._settings = settings
        self._serves = serves
        self._pages: Pages | None = None

    def front(self, pages: Pages) -> Front:
        """Show these, or keep them to us."""
        self._pages = pages
        settings = self._settings
        return Admin(settings.admin, pages, live=settings.live.enabled) if self._serves else Nowhere()

    def waits(self) -> str | None:
        """Why it cannot do its work, if so."""
        if self._pages is None:
            return "starting"
        checks = self._pages.readiness().checks
        return next((f"{name}: {text}" for name, text in checks.items() if text not in _WELL), None)


class Nowhere:
    """Where no pages are shown."""

    async def open(self) -> int:
        """There is no port to be opened."""
        return 0

    async def close(self) -> None: ...


_WELL = ("ok", "stopping")


class Watch:
    """How far a run has come, looked at every second."""

    def __init__(
        self, letters: OpenLetters, excerpt: Excerpt, tally: Tally, waits: Callable[[], str | None]
    ) -> None:
        self._letters = letters
        self._excerpt = excerpt
        self._tally = tally
        self._waits = waits
        self._looks: deque[tuple[float, int]] = deque(maxlen=RATE_LOOKS)
        self._settled_at = time.monotonic()

    async def until_over(self, now: Standing | None, show: Callable[[Progress], None]) -> bool:
        """Whether all is settled; else nothing goes on any more. Raises FatalError."""
        while not self.is_stuck(time.monotonic()):
            if now is not None:
                if self._excerpt.is_cut({partition: span.end for partition, span in now.held.items()}):
                    raise FatalError(MADE_ANEW)
                progress = self._progress(now)
                show(progress)
                if progress.left == 0:
                    return True
            await asyncio.sleep(LOOK_SECONDS)
            now = await self._letters.ask()
        return False

    def is_stuck(self, at: float) -> bool:
        """Whether nothing is settled any more, and not for want of the endpoint."""
        settled = self._tally.settled.total()
        if not self._looks or self._looks[-1][1] != settled or self._tally.is_away:
            self._settled_at = at
        self._looks.append((at, settled))
        return self._tally.is_refusing and at - self._settled_at > STUCK_SECONDS

    def _progress(self, now: Standing) -> Progress:
        (first_at, first), (at, settled) = self._looks[0], self._looks[-1]
        rate = (settled - first) / (at - first_at) if at > first_at else 0.0
        left = self._excerpt.left(now.firsts(), now.finished)
        waits = self._waits() or ("the endpoint is down" if self._tally.is_away else None)
        return Progress(left, self._tally.settled, rate, None if rate else waits)


def excerpt_of(policy: RedeliveryPolicy, now: Standing) -> Excerpt:
    """What of the topic is passed on, as it stands now."""
    return Excerpt(policy, {partition: span.end for partition, span in now.held.items()}, now.finished)


async def redeliver(
    settings: Settings,
    plan: Plan,
    show: Callable[[Progress], None],
    asked: asyncio.Future[None],
    *,
    serves: bool = False,
) -> Outcome:
    """Send them again; `show` is told how far that has come, every second.

    `asked` is done when it is to stop before its end; `serves`: whether the pages for operators are there
    meanwhile. Raises ConfigError, FatalError.
    """
    loop = asyncio.get_running_loop()
    standing = await asyncio.to_thread(standing_now, settings, plan.group)
    tally, sight = Tally(), Sight(settings, serves=serves)
    excerpt = excerpt_of(plan.policy, standing)
    run = Run(plan.policy, excerpt, tally, time.time, parking(settings, plan.parked))
    app = App(settings_for(settings, plan.group, plan.rate), sight.front, run)
    letters = OpenLetters(settings.kafka, settings.dead_letter.topic, plan.group)
    watch = Watch(letters, excerpt, tally, sight.waits)
    stop: asyncio.Future[None] = loop.create_future()
    running = loop.create_task(app.run(stop))
    watching = loop.create_task(watch.until_over(standing, show))
    await asyncio.wait((running, watching, asked), return_when=asyncio.FIRST_COMPLETED)
    is_over = watching.done()
    watching.cancel()
    stop.set_result(None)
    await running
    if not is_over:
        return Outcome.STOPPED
    return Outcome.ALL_DELIVERED if watching.result() and tally.is_clean() else Outcome.SOME_FAILED
