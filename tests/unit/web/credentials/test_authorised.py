"""The sender in front of the client: who waits, who is sent again, and who is answered, in virtual time."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.core.services.proof import Proof
from processor.core.services.refusals import FRESH_SECONDS, Refusals
from processor.errors import TransportError
from processor.model import Answer
from processor.telemetry.facts import Facts
from processor.web.credentials.authorised import Authorised
from tests.support import builders
from tests.support.examples import examples
from tests.support.fakes import FakeSender, VirtualClock

TIMEOUT = 10.0


class Rig:
    """`asked` counts for how many another proof was asked for."""

    def __init__(self, **more: Any) -> None:
        self.clock = VirtualClock()
        self.sender = FakeSender(self.clock)
        self.asked = 0
        self.leased = True
        said: dict[str, Any] = {
            "timeout": TIMEOUT,
            "suspects": frozenset((401,)),
            "is_refusal": lambda answer: answer.status == 401,
            "is_own": None,
            "may_send": lambda: self.leased,
            "wall_clock": lambda: 0.0,
            "refresh": self._refresh,
            "refusals": Refusals(),
        }
        self.authorised = Authorised(self.sender, **{**said, **more})
        self.authorised.open(self.clock, Facts())
        self.generation = 0

    def _refresh(self) -> None:
        self.asked += 1
        self.authorised.lost("refused")

    def learn(self) -> None:
        self.generation += 1
        self.authorised.learnt(Proof((("Authorization", f"Bearer {self.generation}"),)))
        self.clock.run()

    def send(self) -> tuple[list[Answer], Callable[[], None]]:
        answers: list[Answer] = []
        cancel = self.authorised.send(builders.request(), answers.append)
        assert answers == []
        return answers, cancel

    def said(self) -> list[str]:
        """By which credentials requests left, in order."""
        return [
            value
            for request in self.sender.sent
            for name, value in request.headers
            if name == "Authorization"
        ]


def reason(answers: list[Answer]) -> str:
    (answer,) = answers
    return answer.reason if isinstance(answer, TransportError) else str(answer.status)


def test_without_a_proof_it_waits_until_there_is_one_or_until_its_deadline() -> None:
    rig = Rig()
    (first, _), (second, cancel) = rig.send(), rig.send()
    assert (rig.sender.sent, rig.authorised.fault()) == ([], "no credential that can be used")
    cancel()
    rig.clock.advance(TIMEOUT)
    assert (reason(first), second) == ("credentials", [])
    third, _ = rig.send()
    rig.learn()
    rig.sender.answer(200)
    assert (reason(third), rig.said(), rig.authorised.fault()) == ("200", ["Bearer 1"], None)


def test_what_was_refused_with_an_older_one_is_sent_again_at_once_and_once() -> None:
    rig = Rig()
    rig.learn()
    answers, _ = rig.send()
    rig.learn()
    rig.sender.answer(401)
    assert (answers, rig.said(), rig.asked) == ([], ["Bearer 1", "Bearer 2"], 0)
    rig.learn()
    rig.sender.answer(401)
    assert (reason(answers), len(rig.said())) == ("401", 2)


def test_what_was_refused_with_a_fresh_one_stands() -> None:
    rig = Rig()
    rig.learn()
    answers, _ = rig.send()
    rig.sender.answer(401)
    assert (reason(answers), rig.asked) == ("401", 0)


def test_one_that_is_not_fresh_is_dropped_and_another_asked_for_once_for_all() -> None:
    rig = Rig()
    rig.learn()
    rig.clock.advance(FRESH_SECONDS)
    sent = [rig.send()[0] for _ in range(4)]
    for _ in range(4):
        rig.sender.answer(401)
    late, _ = rig.send()
    assert (rig.asked, rig.sender.open, [*sent, late]) == (1, [], [[]] * 5)
    rig.learn()
    for _ in range(5):
        rig.sender.answer(200)
    assert [reason(each) for each in (*sent, late)] == ["200"] * 5
    assert rig.said() == ["Bearer 1"] * 4 + ["Bearer 2"] * 5


def test_where_there_is_none_but_that_which_was_refused_the_refusals_stand() -> None:
    rig = Rig(refresh=lambda: None)
    rig.learn()
    rig.clock.advance(FRESH_SECONDS)
    (first, _), (second, _) = rig.send(), rig.send()
    rig.sender.answer(401)
    rig.sender.answer(401)
    assert first == second == []
    rig.authorised.confirmed()
    assert reason(first) == reason(second) == "401"


@pytest.mark.parametrize("way", ["deadline", "lease", "closed", "cancelled"])
def test_what_waits_for_another_one_has_an_end(way: str) -> None:
    rig = Rig()
    rig.learn()
    rig.clock.advance(FRESH_SECONDS)
    answers, cancel = rig.send()
    rig.clock.advance(4)
    rig.sender.answer(401)
    match way:
        case "deadline":
            rig.clock.advance(TIMEOUT - 4)
            assert reason(answers) == "credentials"
        case "lease":
            rig.leased = False
            rig.learn()
            assert reason(answers) == "connect_timeout"
        case "closed":
            rig.authorised.close()
            assert reason(answers) == "reset"
        case "cancelled":
            cancel()
            assert answers == []
    rig.learn()
    assert len(rig.said()) == 1


def test_what_is_called_off_under_way_is_called_off_at_the_client() -> None:
    rig = Rig()
    rig.learn()
    answers, cancel = rig.send()
    cancel()
    cancel()
    assert (answers, rig.sender.open) == ([], [])


def test_one_that_is_taken_ends_the_doubt() -> None:
    rig = Rig()
    rig.learn()
    rig.clock.advance(FRESH_SECONDS)
    first, _ = rig.send()
    rig.sender.answer(401)
    rig.learn()
    rig.sender.answer(503)
    assert reason(first) == "503"
    rig.clock.advance(FRESH_SECONDS)
    doubted, _ = rig.send()
    rig.sender.answer(401)
    assert (reason(doubted), rig.asked) == ("401", 1)
    taken, _ = rig.send()
    rig.sender.answer(404)
    later, _ = rig.send()
    rig.sender.answer(401)
    assert (reason(taken), later, rig.asked) == ("404", [], 2)


def test_an_event_that_says_itself_who_sends_is_answered_as_it_comes() -> None:
    rig = Rig()
    rig.authorised.learnt(Proof((("Authorization", "ours"),), may_override=True))
    rig.clock.advance(FRESH_SECONDS)
    answers: list[Answer] = []
    own = builders.request()._replace(headers=(("Authorization", "theirs"),))
    rig.authorised.send(own, answers.append)
    rig.sender.answer(401)
    assert (reason(answers), rig.asked) == ("401", 0)
    rig.authorised.lost()
    rig.authorised.send(own, answers.append)
    rig.authorised.learnt(Proof((("Authorization", "ours"),), may_override=True))
    rig.sender.answer(TransportError("reset", "gone"))
    assert rig.sender.sent[-1] == own


def test_whoever_gets_no_proof_waits_for_none() -> None:
    rig = Rig(is_own=lambda url: url.startswith("https://own"))
    answers, _ = rig.send()
    rig.sender.answer(200)
    assert (reason(answers), rig.said()) == ("200", [])


STEPS = st.lists(
    st.one_of(
        st.just(("send",)),
        st.tuples(st.just("answer"), st.integers(0, 5), st.sampled_from((200, 401, 500, 0))),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
        st.tuples(st.just("pass"), st.floats(0.1, 12)),
        st.just(("learn",)),
        st.just(("confirm",)),
        st.just(("keep",)),
        st.just(("lose",)),
    ),
    max_size=40,
)


@settings(max_examples=examples(300), deadline=None)
@given(STEPS)
def test_every_request_gets_exactly_one_answer_and_is_sent_twice_at_most(  # noqa: C901 - one step after the other
    steps: list[tuple[Any, ...]],
) -> None:
    rig, sent = Rig(), list[tuple[list[Answer], Callable[[], None]]]()
    called_off = set[int]()
    for step in steps:
        match step:
            case ("send",):
                sent.append(rig.send())
            case ("answer", which, status) if rig.sender.open:
                answer = status or TransportError("reset", "gone")
                rig.sender.answer(answer, which % len(rig.sender.open))
            case ("cancel", which) if sent and not sent[which % len(sent)][0]:
                called_off.add(which % len(sent))
                sent[which % len(sent)][1]()
            case ("pass", seconds):
                rig.clock.advance(seconds)
            case ("learn",):
                rig.learn()
            case ("confirm",):
                rig.authorised.confirmed()
            case ("keep",):
                rig.authorised.confirmed(Proof((("Authorization", "Bearer kept"),)))
            case ("lose",):
                rig.authorised.lost()
    for _ in range(2):
        rig.learn()
        while rig.sender.open:
            rig.sender.answer(200)
        rig.clock.advance(TIMEOUT)
    for number, (answers, _) in enumerate(sent):
        assert len(answers) == (number not in called_off)
    assert len(rig.sender.sent) <= 2 * len(sent)
