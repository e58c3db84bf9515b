"""Dead letters come back: what is delivered, what fails again, what stays open, and under kill -9."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from processor.core.dead_letter import (
    CONNECT,
    OURS,
    DeadLetterPolicy,
    Failure,
    of_event,
    write_down,
)
from processor.core.letters.letter import Letter, read
from processor.core.request.signing.ids import CARRIED, Ids
from processor.errors import EventError
from processor.model import Record
from tests.acceptance.conftest import Stage
from tests.support.apache_kafka import Written
from tests.support.builders import FIRST, record, response
from tests.support.endpoint import Arrival, Endpoint, Reply
from tests.support.long_suite import LONG
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.kafka

COMMAND = str(Path(sys.executable).with_name("webhook-processor"))
POLICY = DeadLetterPolicy("webhook", "g", "1", ids=Ids())
CODES = 6
KEYS = 50


def answered(code: str, status: int) -> Failure:
    return Failure(
        code, "no", "TASK_PUT", "x", 3, 1_700_000_060.0, 1_700_000_120.0, response=response(status)
    )


def failure(n: int) -> Failure:
    """Of each six one of every kind."""
    return (
        answered("refused", 422),
        answered("refused", 410),
        answered("retries_exhausted", 503),
        of_event(EventError("invalid_url", "it is none")),
        of_event(EventError("invalid_header", "it is none")),
        of_event(EventError("endpoint_not_allowed", "it is not")),
    )[n % CODES]


def letter(n: int) -> Written:
    """The letter of event n."""
    event = record(n, key=b"k%d" % (n % KEYS), value=json.dumps({"n": n}).encode(), timestamp=1_700_000_000.0)
    made = write_down(POLICY, event, failure(n))
    return made.key, made.value, list(made.headers)


def number(arrival: Arrival) -> int:
    return int(json.loads(arrival.body)["n"])


class Letters:
    """A dead-letter topic with letters, and the command on it."""

    def __init__(self, stage: Stage, folder: Path, count: int, partitions: int = 1) -> None:
        self.stage = stage
        self.topic = stage.dead_letters
        self._file = folder / "letters.yaml"
        stage.broker.create_topic(self.topic, partitions)
        stage.broker.produce(self.topic, map(letter, range(count)))

    def configure(self, url: str, **sections: dict[str, Any]) -> None:
        self._file.write_text(yaml.safe_dump(self.stage.settings(url, **sections)), encoding="utf-8")

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        env = {name: value for name, value in os.environ.items() if not name.startswith("WEBHOOK_PROCESSOR")}
        return await asyncio.create_subprocess_exec(
            COMMAND,
            "letters",
            *arguments,
            "-c",
            str(self._file),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=env,
        )

    async def run(self, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
        """The exit status, the JSON lines, and what it wrote to standard error."""
        process = await self.start(*arguments)
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
        assert process.returncode is not None
        lines = [json.loads(line) for line in out.decode().splitlines() if line.startswith("{")]
        return process.returncode, lines, err.decode()

    def position(self, group: str = "") -> int:
        """The sum of what a group of its letters has committed."""
        committed = self.stage.broker.committed(f"{self.stage.group}.letters{group}", self.topic)
        return sum(max(0, offset) for offset, _ in committed.values())

    def written(self, topic: str = "") -> list[tuple[Record, Letter]]:
        """All that a topic of letters holds."""
        found = [
            Record(FIRST, m.offset() or 0, m.key(), m.value(), tuple(m.headers() or ()), 0.0, 0)  # type: ignore[arg-type]
            for m in self.stage.broker.read_all(topic or self.topic)
        ]
        return [(each, read(each)) for each in found]


Lettered = Callable[..., Letters]


@pytest.fixture
def lettered(stage: Callable[..., Stage], tmp_path: Path) -> Lettered:
    def build(count: int, partitions: int = 1) -> Letters:
        return Letters(stage(with_dead_letters=False), tmp_path, count, partitions)

    return build


async def test_all_that_are_open_are_delivered_once_with_their_ids_and_never_again(
    lettered: Lettered,
) -> None:
    letters = lettered(60)
    async with Endpoint() as endpoint:
        letters.configure(endpoint.url)
        async with letters.stage.processor(endpoint.url) as processor:
            await processor.until("letters_open", at_least=60)
            assert (await processor.metrics())["letters_oldest_age_seconds",] > 50_000_000
        status, lines, said = await letters.run("redeliver", "--rate", "1000")
        assert status == 0, said
        assert (lines[-1]["delivered"], lines[-1]["failed_again"], lines[-1]["left"]) == (60, 0, 0)
        assert Counter(map(number, endpoint.requests)) == Counter(range(60))
        for arrival in endpoint.requests:
            assert arrival.header("webhook-id") == f"events-0-{number(arrival)}-1700000000000"
            assert not any(name.startswith(("__connect", "__webhook")) for name, _ in arrival.headers)
        for key in range(KEYS):
            sent = [n for n in map(number, endpoint.requests) if n % KEYS == key]
            assert sent == sorted(sent)
        assert (letters.position(), len(letters.written())) == (60, 60)
        assert (await letters.run("redeliver"))[0] == 0
        assert len(endpoint.requests) == 60


async def test_what_fails_again_is_a_letter_again_goes_round_no_more_than_it_may_and_is_parked(
    lettered: Lettered,
) -> None:
    letters = lettered(12)
    parked, reports = f"parked-{uuid4()}", f"reports-{uuid4()}"
    for topic in (parked, reports):
        letters.stage.broker.create_topic(topic)

    def script(arrival: Arrival) -> Reply:
        return Reply(422 if number(arrival) % 4 == 0 else 200)

    async with Endpoint(script) as endpoint:
        letters.configure(endpoint.url, reports={"topic": reports, "required": True})
        for times in (1, 2):
            status, lines, said = await letters.run("redeliver", "--max-redeliveries", "2")
            assert status == 3, said
            assert "some were not delivered" in said
            assert (lines[-1]["delivered"], lines[-1]["failed_again"]) == ((9, 3) if times == 1 else (0, 3))
            for raw, again in letters.written()[-3:]:
                assert (again.redeliveries, again.code, again.status) == (times, "refused", 422)
                assert again.origin is not None
                headers = dict(raw.headers or ())
                assert headers[OURS + "timestamp"] == b"2023-11-14T22:13:20.000+00:00"
                assert headers[CARRIED] == b"events-0-%d-1700000000000" % again.origin.offset
                assert again.origin.offset % 4 == 0
        assert Counter(map(number, endpoint.requests)) == Counter([*range(12), 0, 4, 8])
        status, lines, _ = await letters.run("redeliver", "--max-redeliveries", "2", "--parked", parked)
        assert (status, lines[-1]["parked"]) == (3, 3)
        assert sorted(each.origin.offset for _, each in letters.written(parked) if each.origin) == [0, 4, 8]
        assert len(endpoint.requests) == 15
    assert letters.position() == len(letters.written()) == 18
    told = [json.loads(each.value() or b"") for each in letters.stage.broker.read_all(reports)]
    assert Counter((each["outcome"], each["topic"], each["offset"]) for each in told) == Counter(
        [("delivered", "events", n) for n in range(12) if n % 4]
        + [("dead_lettered", "events", n) for n in (0, 4, 8)] * 2
    )


async def test_those_that_are_asked_for_are_sent_by_a_run_of_their_own_and_the_others_stay_open(
    lettered: Lettered,
) -> None:
    letters = lettered(60)
    async with Endpoint() as endpoint:
        letters.configure(endpoint.url)
        status, lines, said = await letters.run("redeliver", "--status", "4xx", "--rate", "500")
        assert (status, lines[-1]["delivered"], lines[-1]["other"]) == (0, 20, 40)
        assert "its letters still count as open" in said
        assert {n % CODES for n in map(number, endpoint.requests)} == {0, 1}
        assert (await letters.run("redeliver", "--status", "4xx"))[1][-1]["delivered"] == 0
        assert letters.position() == 0
        assert sum(kind["letters"] for kind in (await letters.run("--json"))[1]) == 60
        endpoint.requests.clear()
        for _ in range(2):
            assert (await letters.run("redeliver", "--limit", "7", "--rate", "500"))[0] == 0
        assert Counter(map(number, endpoint.requests)) == Counter(range(14))
        assert letters.position() == 14
        dry = (await letters.run("redeliver", "--dry-run"))[0]
        assert (dry, len(endpoint.requests)) == (0, 14)


async def test_what_cannot_be_sent_is_passed_over_and_never_written_anew(lettered: Lettered) -> None:
    letters = lettered(2)
    unusable: list[Written] = [
        (b"k", b"no JSON", [(CONNECT + "topic", b"t"), (OURS + "error.code", b"invalid_event")]),
        (b"k", None, [(CONNECT + "topic", b"t"), (OURS + "error.code", b"tombstone")]),
        (b"k", None, [(CONNECT + "topic", b"t"), (OURS + "value.size", b"3")]),
    ]
    letters.stage.broker.produce(letters.topic, unusable)
    async with Endpoint() as endpoint:
        letters.configure(endpoint.url, delivery={"tombstones": "dead_letter"})
        status, lines, _ = await letters.run("redeliver")
        assert status == 3
        assert (lines[-1]["delivered"], lines[-1]["unusable"], lines[-1]["incomplete"]) == (2, 2, 1)
        assert len(letters.written()) == 5


async def test_a_letter_of_another_destination_is_left_to_that_unless_it_is_asked_for(
    lettered: Lettered,
) -> None:
    letters = lettered(2)
    letters.stage.broker.produce(letters.topic, [(b"k", b'{"n":2}', [(OURS + "destination", b"erp")])])
    async with Endpoint() as endpoint:
        letters.configure(endpoint.url)
        status, lines, _ = await letters.run("redeliver")
        assert (status, lines[-1]["delivered"], lines[-1]["elsewhere"]) == (0, 2, 1)
        assert (await letters.run("redeliver", "--destination", "erp"))[1][-1]["delivered"] == 1
        assert sorted(map(number, endpoint.requests)) == [0, 1, 2]


async def test_whatever_a_letter_says_of_where_it_stood_the_others_are_sent(lettered: Lettered) -> None:
    letters = lettered(3)
    forged = (CONNECT + "topic", b"x\r\nevil: y"), (CONNECT + "partition", b"0"), (CONNECT + "offset", b"1")
    letters.stage.broker.produce(letters.topic, [(b"k", b'{"n":3}', forged)])
    async with Endpoint() as endpoint:
        letters.configure(endpoint.url)
        status, lines, said = await letters.run("redeliver")
        assert (status, lines[-1]["delivered"]) == (0, 4), said
        assert endpoint.requests[-1].header("evil") is None


async def test_where_the_topic_is_made_anew_the_run_ends_and_the_next_sends_what_it_holds(
    lettered: Lettered,
) -> None:
    letters = lettered(60)
    async with Endpoint() as endpoint:
        letters.configure(endpoint.url)
        process = await letters.start("redeliver", "--rate", "5")
        await endpoint.received(3, within=PATIENCE)
        letters.stage.broker.delete_topic(letters.topic)
        letters.stage.broker.create_topic(letters.topic)
        async with asyncio.timeout(PATIENCE):
            _, said = await process.communicate()
        assert process.returncode == 1
        assert "was made anew, or cut" in said.decode()
        letters.stage.broker.produce(letters.topic, [letter(100)])
        assert (await letters.run("redeliver"))[0] == 0
        assert number(endpoint.requests[-1]) == 100


async def test_where_the_endpoint_takes_none_nothing_is_spent_and_they_stay_open(lettered: Lettered) -> None:
    letters = lettered(30)
    async with Endpoint(lambda _: Reply(404)) as endpoint:
        letters.configure(endpoint.url, dead_letter={"topic": letters.topic, "budget": 5})
        process = await letters.start("redeliver", "--rate", "500")
        while len(endpoint.requests) < 7:
            await asyncio.sleep(0.05)
        endpoint.script = lambda _: Reply(200)
        async with asyncio.timeout(PATIENCE):
            out, _ = await process.communicate()
        last = json.loads(out.decode().splitlines()[-1])
        assert (process.returncode, last["delivered"], last["failed_again"]) == (3, 25, 5)


@pytest.mark.timeout(900 if LONG else 300)
async def test_under_kill_9_by_two_processes_each_comes_back_or_is_a_letter_again(lettered: Lettered) -> None:
    count, kills = (5_000, 10) if LONG else (400, 2)
    letters = lettered(count, partitions=4)
    rejected = set(range(0, count, 10))

    def script(arrival: Arrival) -> Reply:
        return Reply(422 if number(arrival) in rejected else 200, delay=0.01)

    rate = count / (60 if LONG else 20)
    async with Endpoint(script) as endpoint:
        letters.configure(endpoint.url)
        arguments = ("redeliver", "--rate", str(rate / 2))
        running = [await letters.start(*arguments) for _ in range(2)]
        for n in range(kills):
            await endpoint.received(count * (n + 1) // (kills + 4), within=120)
            victim = running.pop(0)
            victim.send_signal(signal.SIGKILL)
            await victim.communicate()
            running.append(await letters.start(*arguments))
        async with asyncio.timeout(300):
            ended = [await each.communicate() for each in running]
        times = Counter(map(number, endpoint.requests))
    again = [each.origin.offset for _, each in letters.written() if each.redeliveries and each.origin]
    assert {each.returncode for each in running} <= {0, 3}, ended
    assert set(times) == set(range(count))
    assert set(again) == rejected
    # What was in flight, and what finished within the second before each kill.
    repeats = sum(times[n] - 1 for n in set(range(count)) - rejected)
    assert repeats <= kills * (rate + 64)
