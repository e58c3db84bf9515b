"""Authorised requests: the sender in front of the client, who puts on what proves who we are.

Promises:
- it is put on when a request leaves, and never kept: what was sent holds nothing of it;
- a host that an event names gets it only where the settings say so;
- without one that can be used nothing leaves: requests wait, until their deadline at most, and are then
  answered with TransportError `credentials`;
- one that is refused is sent again once at most, as the same attempt within the same deadline, with another
  credential than before; else the refusal is the answer, as it came (`core/services/refusals`);
- every request gets exactly one answer, later, unless it is called off before.
"""

from collections.abc import Callable, Container
from typing import Protocol

from msgspec import Struct

from processor.clock import Clock, Timer
from processor.core.services.proof import Proof
from processor.core.services.refusals import Refusals, Verdict
from processor.errors import TransportError
from processor.model import Answer, Headers, Request, Response
from processor.telemetry.facts import Facts
from processor.web.failures import failure

_NO_PROOF = "no credential that can be used"
_ALL = range(1000)
"""Statuses: while a credential is in doubt each answer tells whether it is taken."""


def nothing() -> None:
    """There is nothing to call off."""


class Sends(Protocol):
    """Who sends what is authorised."""

    def send(
        self,
        request: Request,
        answered: Callable[[Answer], None],
        deadline: float | None = None,
        headers: Headers | None = None,
    ) -> Callable[[], None]:
        """Call `answered` once, later, by `deadline` in monotonic seconds; the result cancels that.

        `headers` take the place of those of the request.
        """
        ...


class Refuses(Protocol):
    """Who tells a refusal of who sends from any other."""

    def __call__(self, answer: Response, /) -> bool: ...


class Authorised:
    """The sender. Who has a proof says so by `learnt`, `confirmed` and `lost`; `refresh` asks for another."""

    def __init__(
        self,
        sender: Sends,
        *,
        timeout: float,
        suspects: frozenset[int],
        is_refusal: Refuses,
        is_own: Callable[[str], bool] | None,
        may_send: Callable[[], bool],
        wall_clock: Callable[[], float],
        refresh: Callable[[], None],
        refusals: Refusals,
    ) -> None:
        """`timeout` is that of an attempt in seconds; `is_own`: whose URLs get a proof; None: all of them.

        Only answers with one of the statuses `suspects` are asked whether they are refusals.
        """
        self._sender = sender
        self._timeout = timeout
        self.suspects: Container[int] = suspects
        self._suspects = suspects
        self._is_refusal = is_refusal
        self._is_own = is_own
        self._may_send = may_send
        self._wall_clock = wall_clock
        self._refresh = refresh
        self._refusals = refusals
        self._generation = refusals.generation
        self._proof: Proof | None = None
        self._fault = _NO_PROOF
        self._is_refreshing = False
        self._waiting: dict[_Sending, Timer] = {}

    def open(self, clock: Clock, facts: Facts) -> None:
        """Requests wait for a proof from now on."""
        self._clock = clock
        self._facts = facts

    def close(self) -> None:
        """What waits is answered, as what is under way is when the client is closed."""
        for sending in list(self._waiting):
            self._take(sending)
            sending.end(failure("reset", "the client is closed"))

    def fault(self) -> str | None:
        """Why nothing can leave; None: it can."""
        return self._fault if self._proof is None else None

    def send(self, request: Request, answered: Callable[[Answer], None]) -> Callable[[], None]:
        """Send with the proof of now, or as soon as there is one."""
        proof = self._proof
        if self._is_own is not None and not self._is_own(request.url):
            return self._sender.send(request, answered)
        now = self._clock.time()
        sending = _Sending(self, request, answered, now + self._timeout, self._generation)
        if proof is None:
            self._wait(sending, now)
        else:
            # `_leave` would do: it is two calls and another request more for every request.
            if proof.seen is request.headers and proof.is_plain:
                sending.call_off = self._sender.send(request, sending.answer, sending.deadline, proof.made)
                return sending.cancel
            made = proof.put_on(request, self._wall_clock())
            if made is None:
                return self._sender.send(request, answered)
            sending.call_off = self._sender.send(made, sending.answer, sending.deadline)
        return sending.cancel

    # What is told of proofs

    def learnt(self, proof: Proof) -> None:
        """There is another one from now on."""
        self.suspects = self._suspects if not self._refusals.is_doubted else _ALL
        self._proof, self._is_refreshing = proof, False
        self._generation = self._refusals.got(self._clock.time())
        self._go_on()

    def confirmed(self, proof: Proof | None = None) -> None:
        """It was looked for, and there is none but that which was refused: the refusals stand.

        `proof` is that one, where it was lost meanwhile.
        """
        self._is_refreshing = False
        self._proof = proof or self._proof
        self._refusals.confirmed(self._clock.time())
        for sending in [each for each in self._waiting if each.refusal is not None]:
            self._take(sending)
            assert sending.refusal is not None
            sending.end(sending.refusal)
        self._go_on()

    def lost(self, why: str = _NO_PROOF) -> None:
        """None can be used any more, or yet."""
        self._proof, self._fault = None, why

    # What sendings tell

    def answered(self, sending: "_Sending", answer: Response) -> None:
        """It may be refused for who sends: then another try may be worth it."""
        if not self._is_refusal(answer):
            if answer.status < 500 and sending.generation == self._generation:
                self._refusals.taken()
                self.suspects = self._suspects
            sending.end(answer)
            return
        self._facts.credential_refused(answer.status)
        now = self._clock.time()
        verdict = Verdict.STANDS if sending.refusal else self._judged(sending, now)
        if verdict is Verdict.STANDS:
            sending.end(answer)
            return
        sending.refusal = answer
        self._wait(sending, now)
        if verdict is Verdict.REFRESH:
            self._is_refreshing = True
            self._refresh()
        elif self._proof is not None and not self._is_refreshing:
            self._clock.call_soon(self._go_on)

    def called_off(self, sending: "_Sending") -> None:
        if sending in self._waiting:
            self._take(sending)

    def _judged(self, sending: "_Sending", now: float) -> Verdict:
        if self._is_refreshing and sending.generation == self._generation:
            return Verdict.AGAIN  # another one was refused before it, and is being asked for
        return self._refusals.judged(sending.generation, now)

    def _leave(self, sending: "_Sending", proof: Proof) -> None:
        """It leaves, with the proof; or without one, as its event has its own."""
        made = proof.put_on(sending.request, self._wall_clock())
        if made is None:
            sending.call_off = self._sender.send(sending.request, sending.end, sending.deadline)
            return
        sending.generation = self._generation
        sending.call_off = self._sender.send(made, sending.answer, sending.deadline)

    def _wait(self, sending: "_Sending", now: float) -> None:
        sending.call_off = nothing
        self._waiting[sending] = self._clock.call_later(
            sending.deadline - now, lambda: self._is_too_late(sending)
        )

    def _take(self, sending: "_Sending") -> None:
        """It is not among those any more that wait."""
        self._waiting.pop(sending).cancel()

    def _is_too_late(self, sending: "_Sending") -> None:
        del self._waiting[sending]
        sending.end(failure("credentials", self._fault if self._proof is None else _NO_PROOF))

    def _go_on(self) -> None:
        """What waits leaves, where it may still; nothing while another proof is being asked for."""
        now = self._clock.time()
        for sending in list(self._waiting):
            if self._proof is None or (sending.refusal and self._is_refreshing):
                continue
            if sending not in self._waiting:  # what another led to has called it off
                continue
            self._take(sending)
            if sending.deadline > now and self._may_send():
                self._leave(sending, self._proof)
            else:
                sending.end(TransportError("connect_timeout", "it may not be sent any more"))


class _Sending(Struct, eq=False, gc=False):
    """A request until it is answered. `refusal`: the answer to its first try; no collector looks here."""

    owner: Authorised
    request: Request
    wants: Callable[[Answer], None] | None
    deadline: float
    generation: int
    refusal: Response | None = None
    call_off: Callable[[], None] = nothing

    def answer(self, answer: Answer) -> None:
        """The client has an answer, which most often is the answer."""
        owner = self.owner
        if type(answer) is Response and answer.status in owner.suspects:
            self.call_off = nothing
            owner.answered(self, answer)
            return
        wants, self.wants = self.wants, None
        if wants is not None:
            wants(answer)

    def end(self, answer: Answer) -> None:
        """Give it to who asked."""
        wants, self.wants, self.call_off = self.wants, None, nothing
        if wants is not None:
            wants(answer)

    def cancel(self) -> None:
        """Nobody wants the answer any more."""
        if self.wants is not None:
            self.wants = None
            call_off, self.call_off = self.call_off, nothing
            call_off()
            self.owner.called_off(self)
