"""Endpoints that refuse, reset, hang, drip, throttle, flap, or cannot be trusted or found; a ledger is kept.

None of that is the fault of an event: nothing is dead-lettered but what the endpoint refuses.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.faults.proxy import Proxy, Wire
from tests.faults.receipts import Outcome, Receipts
from tests.faults.receiver import Mode
from tests.faults.scene import MAX_IN_FLIGHT, Scene, report
from tests.faults.test_processors import assert_clean
from tests.support.long_suite import LONG

pytestmark = pytest.mark.kafka

Build = Callable[..., Scene]
PATIENT: dict[str, Any] = {"destination": {"request_timeout": 1.0}, "receiver": {"delay": 0.005}}
FAILING_SECONDS = 2.0
BRIEF = {"max_attempts": 3, "initial_backoff": 0.05, "max_backoff": 0.2}
OUTAGE_SECONDS = 180.0 if LONG else 5.0


def also(*cases: Any) -> list[Any]:
    """Cases of the long form."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.long)
        for case in cases
    ]


@pytest.mark.parametrize(
    "mode", [Mode.REFUSING, Mode.HANGING, Mode.DRIPPING, Mode.FLAPPING, *also(Mode.RESETTING, Mode.STORM)]
)
async def test_an_endpoint_that_fails_for_a_while_gets_everything_afterwards(
    scene: Build, mode: Mode
) -> None:
    async with scene(1500, **PATIENT) as run:
        await run.join()
        await run.settled(200)
        await begin(run, mode)
        await asyncio.sleep(FAILING_SECONDS)
        await run.receiver.become(Mode.NORMAL)
        verdict = await run.finish()
    assert_clean(run, verdict)
    assert verdict.repeats <= MAX_IN_FLIGHT * (mode is Mode.REFUSING)


async def begin(run: Scene, mode: Mode) -> None:
    """The endpoint is so from now on; answers that a reset overtakes are lost."""
    at = run.now_ms()
    await run.receiver.become(mode)
    if mode is Mode.REFUSING:
        run.lost_answers(at)


@pytest.mark.parametrize("wire", [Wire.BLACK_HOLE, *also(Wire.RESET)])
async def test_a_way_to_the_endpoint_that_breaks_for_a_while_makes_nothing_lost(
    scene: Build, wire: Wire
) -> None:
    async with scene(1500, **PATIENT) as run, Proxy(run.receiver.port) as proxy:
        run.url = f"http://127.0.0.1:{proxy.port}/hook"
        await run.join()
        await run.settled(200)
        at = run.now_ms()
        proxy.become(wire)
        await asyncio.sleep(FAILING_SECONDS)
        proxy.become(Wire.PASS)
        run.lost_answers(at)
        verdict = await run.finish()
    assert_clean(run, verdict)


@pytest.mark.parametrize(
    ("retry_after", "least"),
    [("2", 2.0), ("date+3", 1.9), ("99999999999", 2.0), ("soon", 0.0), *also(("-5", 0.0), ("1.5e308", 0.0))],
)
async def test_an_endpoint_that_throttles_is_left_alone_as_long_as_it_asks_and_no_longer_than_allowed(
    scene: Build, retry_after: str, least: float
) -> None:
    retry = {"max_retry_after": 2.0}
    async with scene(600, retry=retry, **PATIENT) as run:
        await run.join()
        await run.settled(100)
        before = await run.receiver.become(Mode.LIMITED, retry_after=retry_after)
        await run.until(run.has_asked, before.requests + 1)
        await run.receiver.become(Mode.NORMAL)
        verdict = await run.finish(patience=20)
    assert_clean(run, verdict)
    waits = waits_after(run.ledger.receipts, Outcome.LIMITED)
    assert waits
    assert min(waits) >= least - 0.05
    assert max(waits) <= 10


def waits_after(receipts: Receipts, outcome: Outcome) -> list[float]:
    """Seconds from an answer of this kind to the next request for the same event."""
    limited: dict[int, int] = {}
    waits = []
    for row, n in enumerate(receipts.n):
        if n in limited:
            waits.append((receipts.began_ms[row] - receipts.ended_ms[limited.pop(n)]) / 1000)
        if receipts.outcome[row] == outcome:
            limited[n] = row
    return waits


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", [Mode.REFUSING, Mode.STORM, *also(Mode.HANGING)])
async def test_an_outage_longer_than_all_attempts_dead_letters_nothing(scene: Build, mode: Mode) -> None:
    async with scene(1500, retry=BRIEF, **PATIENT) as run:
        member = await run.join()
        await run.settled(200)
        await begin(run, mode)
        await asyncio.sleep(OUTAGE_SECONDS)
        assert (await member.page("/livez"))[0] == 200
        await run.receiver.become(Mode.NORMAL)
        verdict = await run.finish(patience=90)
    assert_clean(run, verdict)


BUDGET = 7


async def test_an_endpoint_that_refuses_everything_gets_a_few_dead_letters_and_then_everything(
    scene: Build,
) -> None:
    async with scene(1500, plan={"poison": 0.0}, dead_letter={"budget": BUDGET}, **PATIENT) as run:
        member = await run.join()
        await run.settled(200)
        await run.receiver.become(Mode.FORBIDDEN)
        await member.until("circuit_changes_total", "refused", "open", at_least=1)
        await asyncio.sleep(FAILING_SECONDS)
        assert (await member.metrics())["dead_letters_total", "refused"] == BUDGET
        assert (await member.page("/livez"))[0] == 200
        await run.receiver.become(Mode.NORMAL)
        verdict = await run.finish()
    assert verdict.counts == {"wrongly dead-lettered": BUDGET}, report(run, verdict)
    assert verdict.repeats == 0


@pytest.mark.parametrize("flaw", ["expired", "self-signed", "wrong host"])
async def test_an_endpoint_with_a_wrong_certificate_gets_nothing_until_it_has_a_right_one(
    scene: Build, tmp_path: Path, flaw: str
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    right = written(tmp_path / "right.pem", authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem)
    wrong = written(tmp_path / "wrong.pem", flawed(authority, flaw))
    destination = {"tls": {"ca_file": str(tmp_path / "ca.pem")}, "request_timeout": 5.0}
    more = {"receiver": {"certificate": wrong}, "destination": destination}
    async with scene(300, **more) as run:
        member = await run.join()
        await member.until("retries_total", at_least=3)
        assert (await run.receiver.progress()).requests == 0
        await run.receiver.become(certificate=right)
        verdict = await run.finish()
    assert_clean(run, verdict)


def flawed(authority: trustme.CA, flaw: str) -> trustme.Blob:
    """Key and certificate with something wrong."""
    if flaw == "self-signed":
        alone = trustme.CA()
        return trustme.Blob(alone.private_key_pem.bytes() + alone.cert_pem.bytes())
    if flaw == "expired":
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        return authority.issue_cert("127.0.0.1", not_after=long_ago).private_key_and_cert_chain_pem
    return authority.issue_cert("127.0.0.2", "localhost").private_key_and_cert_chain_pem


def written(file: Path, content: trustme.Blob) -> str:
    """The name of the file, with that content."""
    content.write_to_path(str(file))
    return str(file)


async def test_an_endpoint_that_cannot_be_found_costs_no_event(scene: Build) -> None:
    async with scene(300) as run:
        lost = await run.join(destination={"url": "http://name.invalid/hook"})
        await lost.until("retries_total", at_least=3)
        assert not any((await run.committed()).values())
        assert await run.terminate(lost) == 0
        await run.join()
        verdict = await run.finish()
    assert_clean(run, verdict)
    assert verdict.repeats == 0
