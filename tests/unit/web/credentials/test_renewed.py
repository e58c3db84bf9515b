"""Credentials that are granted for a while: when another one is asked for, and what is used meanwhile."""

import asyncio
from collections.abc import Callable

import pytest

from processor.telemetry.facts import Facts
from processor.web.credentials.renewed import Grant, NotGrantedError, Renewed
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.slow

LIFE = 1.6
"""Seconds: it is renewed once one is over."""


class Rig:
    """An issuer whose answers are `answers`, one after the other, the last one again and again."""

    def __init__(self, *answers: str | Exception, life: float = LIFE) -> None:
        self.answers, self.life = list(answers), life
        self.asked = self.open = 0
        self.told: list[str] = []
        self.renewed = Renewed(
            self._ask,
            self.told.append,
            self._over,
            lambda: 0.5,
            lambda: 0.0,
            lambda: self.told.append("kept"),
        )

    async def _ask(self) -> Grant[str]:
        self.asked += 1
        self.open += 1
        assert self.open == 1
        await asyncio.sleep(0)
        self.open -= 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Grant(answer, self.life)

    def _over(self, why: str) -> None:
        self.told.append(f"over: {why}")

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.005)


async def test_one_that_cannot_be_renewed_is_used_until_its_end_and_no_longer() -> None:
    rig = Rig("first", NotGrantedError("refused", "status 401"))
    rig.renewed.open(Facts())
    await rig.until(lambda: rig.asked > 1)
    await asyncio.sleep(0)
    assert rig.told == ["first"]
    await rig.until(lambda: len(rig.told) > 1)
    assert rig.told[1].startswith("over: ")
    await rig.renewed.close()


async def test_another_one_takes_its_place_before_its_end() -> None:
    rig = Rig("first", "second")
    rig.renewed.open(Facts())
    await rig.until(lambda: len(rig.told) > 1)
    assert rig.told == ["first", "second"]
    await rig.renewed.close()


async def test_one_that_is_dropped_is_asked_for_by_one_question_however_often() -> None:
    rig = Rig("first", "second", life=3600.0)
    rig.renewed.open(Facts())
    await rig.until(lambda: rig.told)
    for _ in range(5):
        rig.renewed.drop()
    await rig.until(lambda: len(rig.told) > 1)
    assert (rig.asked, rig.told) == (2, ["first", "second"])
    await rig.renewed.close()


async def test_one_that_is_dropped_is_used_again_while_there_is_no_other() -> None:
    rig = Rig("first", NotGrantedError("refused", "status 503"), life=3600.0)
    rig.renewed.open(Facts())
    await rig.until(lambda: rig.told)
    assert rig.renewed.drop()
    await rig.until(lambda: len(rig.told) > 1)
    assert rig.told == ["first", "kept"]
    assert not rig.renewed.drop()
    await rig.until(lambda: rig.asked > 2)
    rig.answers = ["second"]
    await rig.until(lambda: len(rig.told) > 2)
    assert rig.told == ["first", "kept", "second"]
    await rig.renewed.close()


async def test_what_nobody_expects_is_told_and_asked_for_again() -> None:
    errors = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))
    rig = Rig(KeyError("hunter2"), "second")
    rig.renewed.open(Facts())
    await rig.until(lambda: "second" in rig.told)
    assert rig.told == ["over: none is granted: KeyError", "second"]
    assert len(errors) == 1
    await rig.renewed.close()
