"""How many requests a second an endpoint takes, as far as it shows by refusing some: a learnt rate.

    OFF ── more than a tenth is refused, others delivered ──▶ SEEKING, at what was delivered
    SEEKING ── a clean second: half as fast again, or twice ──▶ SEEKING
    SEEKING, HOLDING ── more than one in twenty is refused ──▶ HOLDING, a tenth below what was delivered
    HOLDING ── back to what was delivered last as a cubic of time, slowly beyond it (RFC 9438), then SEEKING
    SEEKING, HOLDING ── a fraction of it is refused no less ──▶ OFF for a while: it is not the rate

Only 429 and 503 are refusals here (`pushed back`). What is delivered while some is refused is what the
endpoint takes, so that is where the rate goes, and not by blind halving. `Retry-After` costs more than the
refusal does: with it each cut is deeper and the way back takes twice as long.

Promises: there is no rate until something was pushed back; while there is one, no more leaves in any span of
time than it says, but for `_BURST`; where nothing is pushed back it grows beyond any bound, and after a
minute there is none: it never holds up an endpoint that has become faster. Cost: O(1) an answer, and nothing
where nothing is pushed back.
Times are monotonic seconds, rates requests per second.
"""

import math
from dataclasses import dataclass

_SHORT, _LONG = 0.25, 1.0
"""Seconds of answers that make up a window: where most is refused, and else. Limits count in seconds, so a
shorter one would see now only what is refused and now only what is not."""
_PATIENCE = 5.0
"""After so many seconds few answers are enough."""
_ENOUGH, _MANY = 10, 20
"""Answers of a window at a rate, and before there is one: then it begins with a refusal."""
_ENGAGING, _CLEAR = 0.1, 0.5
"""Shares of refusals: from which a rate is looked for, and for which a short window is enough."""
_TOLERATED = 0.05
_DEVIATIONS = 2.0
"""A share that lowers the rate, and by how many standard deviations it is to be more: some answer 503
to one in twenty whatever they get."""

_CUT, _DEEPEST_CUT = 0.9, 0.3
_TOLERANCE = 0.98
"""Each pause costs a second or more, so with `Retry-After` the plateau lies below what was refused."""
_OVERSHOT = 0.93
_SOON = 1.5
"""What pauses again so soon after a cut was far beyond what is taken."""
_PERIOD = 5.0
"""Seconds from a cut back to the plateau; as long again it stays near it."""
_FEW, _LONGER = 30.0, 3.0
"""At a plateau below that rate it takes longer, up to so many times: few answers take more seconds to show
that it is too fast, and of many processes that have little each, more are too fast at once."""
_BEYOND = 0.3
"""How far beyond the plateau it is a period after that, unless a refusal costs a pause: as a share."""
_STEEPEST = 1.5
_GROWTH, _GROWTH_AFTER_PAUSES = 1.5, 2.0
"""By so much a rate that is looked for grows a second; after pauses little is known, and it begins low."""
_USED = 0.7
"""A rate of which less is used says nothing by not being refused."""

_QUIET = 60.0
"""After so many seconds without a refusal there is no rate: less is wanted than it says, or more is taken."""
_IN_VAIN, _FRACTION = 3, 4
"""In so many windows as much was refused as at the beginning, though but a fraction of it was sent."""
_FIRST_REST, _LONGEST_REST = 60.0, 600.0

_BURST = 0.005
"""Seconds of the rate that may leave at once: timers are no finer."""
_SHORTEST_WAIT = 1e-6


@dataclass(frozen=True, slots=True)
class PacingPolicy:
    """Whether a rate is learnt."""

    enabled: bool = True


class _Window:
    """Answers of a while; `idle`: seconds of it in which nothing was sent, as `Retry-After` asked."""

    __slots__ = ("begun", "delivered", "idle", "pauses", "refused")

    def __init__(self, begun: float | None = None) -> None:
        self.begun = begun
        self.delivered = self.refused = self.pauses = 0
        self.idle = 0.0

    def answers(self) -> int:
        return self.delivered + self.refused

    def share(self) -> float:
        return self.refused / max(1, self.answers())

    def is_above(self, share: float) -> bool:
        """Whether more is refused than that share, and than chance makes of it."""
        expected = share * self.answers()
        return self.refused > expected + _DEVIATIONS * math.sqrt(expected)

    def active(self, now: float) -> float:
        """Seconds since it began in which requests could leave."""
        return now - self.begun - self.idle if self.begun is not None else 0.0


class Pacing:
    """The learnt rate of this process; None: nothing is refused."""

    def __init__(self, policy: PacingPolicy) -> None:
        self.rate: float | None = None
        """Requests per second; None: as many as anybody likes."""
        self.is_awake = False
        """Whether deliveries are of interest: a rate is in use, or something was pushed back lately."""
        self._is_enabled = policy.enabled
        self._tokens, self._counted_at = 1.0, -math.inf
        self._window = _Window()
        self._fresh_since = self._paused_until = self._off_until = self._pushed_back_at = -math.inf
        self._rest = _FIRST_REST
        self._forget()

    def _forget(self) -> None:
        self._is_seeking, self._has_pauses = True, False
        self._clean = self._plateau = 0.0
        """The highest rate at which nothing was refused; what the endpoint took when something was."""
        self._cut_at, self._period = 0.0, _PERIOD
        self._first = self._first_share = 0.0
        self._in_vain = 0

    # Questions

    def room(self, now: float) -> int:
        """How many may leave now; ask only where there is a rate."""
        return int(self._at(now))

    def wakes_in(self, now: float) -> float:
        """Seconds until there is room; 0 when there is."""
        if self.rate is None or (missing := 1 - self._at(now)) <= 0:
            return 0.0
        return max(_SHORTEST_WAIT, missing / self.rate)

    def _at(self, now: float) -> float:
        assert self.rate is not None
        most = max(1.0, self.rate * _BURST)
        return min(most, self._tokens + max(0.0, now - self._counted_at) * self.rate)

    # Facts

    def started(self, now: float) -> None:
        if self.rate is not None:
            self._tokens, self._counted_at = self._at(now) - 1, now

    def ended(self, now: float, sent_at: float, *, pushed_back: bool, pause: float = 0.0) -> None:
        """It was answered; `pause`: for how long the endpoint asked to be left alone, 0: it did not."""
        if not self._is_enabled or now < self._off_until or sent_at < self._fresh_since:
            return
        if pushed_back:
            self._pushed_back_at = now
        elif self.rate is not None and now - self._pushed_back_at > _QUIET:
            self._sleep()
        if (window := self._open_window(now, is_refusal=pushed_back, is_pause=pause > 0)) is None:
            return
        window.refused += pushed_back
        window.delivered += not pushed_back
        if now + pause > max(now, self._paused_until):
            self._paused(window, now, pause)
        elif self.rate is None:
            self._listen(window, now)
        else:
            enough = _ENOUGH if not self._is_seeking else 3
            active = window.active(now)
            if active >= _LONG and (window.answers() >= enough or active >= _PATIENCE):
                self._weigh(window, now)

    # What pushes back

    def _open_window(self, now: float, *, is_refusal: bool, is_pause: bool) -> _Window | None:
        """The one that an answer counts in; None: it counts in none."""
        window = self._window
        if self.rate is None and window.active(now) > _PATIENCE:
            self._sleep()  # it tells of another time
            window = self._window
        if window.begun is None:
            # A rate is looked for from a refusal on. At a rate it is the reverse: refusals come at once,
            # deliveries take their time, and from the first of these on neither is short of the other.
            if is_refusal is (self.rate is not None) and not is_pause:
                return None
            window.begun, self.is_awake = now, True
        return window

    def _paused(self, window: _Window, now: float, pause: float) -> None:
        window.pauses += now >= self._paused_until
        window.idle += now + pause - max(now, self._paused_until)
        self._paused_until = now + pause
        if self.rate is None:
            self._listen(window, now)
            return
        # Between what was never refused and what was.
        taken = (self._clean + self.rate) / 2 if self._is_seeking else self.rate
        is_far = not self._is_seeking and now <= self._cut_at + _SOON
        self._is_seeking, self._has_pauses = self._is_seeking and not self._clean, True
        self._lower(taken * (_OVERSHOT if is_far else _TOLERANCE), now, 2 * _PERIOD)

    def _listen(self, window: _Window, now: float) -> None:
        """Whether so much is pushed back that a rate is worth it."""
        share, active = window.share(), window.active(now)
        real = active + window.idle
        if window.answers() < _MANY:
            return
        is_clear = share >= _CLEAR
        if active < (_SHORT if is_clear and not window.idle else _LONG) and not (is_clear and window.idle):
            return
        if window.idle and not is_clear and window.pauses < 2 and real < _PATIENCE:
            return
        self._sleep()
        costs = window.is_above(_ENGAGING) or (window.pauses > 1 and window.idle > _ENGAGING * real)
        if not (window.delivered and costs):
            return
        active = max(0.01, active)
        delivered = window.delivered / active
        if window.idle:
            # What was taken at once is too much, what was taken all told too little.
            rate = delivered * math.sqrt(active / real)
        else:
            rate = max(0.95 * delivered, _DEEPEST_CUT * window.answers() / active)
        self._forget()
        self._has_pauses = window.idle > 0
        self._plateau, self._cut_at = rate, now
        self._first, self._first_share = rate, share
        self._use(rate, now)

    def _weigh(self, window: _Window, now: float) -> None:
        """A window at this rate is over."""
        assert self.rate is not None
        self._window = _Window(now)
        active, share = window.active(now), window.share()
        is_fraction = self.rate < self._first / _FRACTION
        is_in_vain = is_fraction and share > max(_TOLERATED, self._first_share / 2)
        self._in_vain = self._in_vain + 1 if is_in_vain else max(0, self._in_vain - 1)
        if self._in_vain >= _IN_VAIN:
            self._sleep()
            self._off_until, self._rest = now + self._rest, min(_LONGEST_REST, 2 * self._rest)
        elif window.is_above(_TOLERATED):
            delivered = window.delivered / active
            # So little was taken that it tells only where the limit's own second began.
            self._is_seeking = delivered < _DEEPEST_CUT * self.rate
            # What was taken whole a window ago is taken still: a limit without a burst refuses half of what
            # is a little too much.
            taken = max(min(self.rate, delivered), self._clean, self.rate * _DEEPEST_CUT / _CUT)
            self._clean = 0.0
            self._lower(min(self.rate, taken), now, _PERIOD)
        elif window.answers() + 1 < _USED * self.rate * active:
            self._cut_at += active
            if self._is_seeking and window.answers() >= _ENOUGH:
                # More than twice of what is used was never tried: it would be a surprise once it is.
                self.rate = min(self.rate, 2 * window.answers() / active)
        else:
            self._clean = self.rate
            self.rate = self._grown(now)

    def _grown(self, now: float) -> float:
        assert self.rate is not None
        if self._is_seeking:
            return self.rate * (_GROWTH_AFTER_PAUSES if self._has_pauses else _GROWTH)
        periods = (now - self._cut_at - self._period) / self._period
        self._is_seeking = periods > 1
        steepness = _BEYOND if periods > 0 and not self._has_pauses else 1 - _CUT
        wanted = self._plateau * (1 + steepness * periods**3)
        return max(self.rate, min(wanted, _STEEPEST * self.rate))

    def _lower(self, plateau: float, now: float, period: float) -> None:
        self._plateau, self._period = plateau, period * min(_LONGER, max(1.0, _FEW / plateau))
        self._cut_at = max(now, self._paused_until)
        self._use(plateau * _CUT, now)

    def _use(self, rate: float, now: float) -> None:
        """What was sent before still shapes the first answers: they are not counted."""
        self._tokens = min(self._at(now), 1.0) if self.rate is not None else 0.0
        self.rate, self._counted_at, self._fresh_since = rate, now, now
        self._window, self.is_awake = _Window(), True

    def _sleep(self) -> None:
        self.rate, self._window, self.is_awake = None, _Window(), False
