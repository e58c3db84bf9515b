"""Letters are put back on a topic exactly once, whatever is killed; what was brought back is deleted."""

import asyncio
import signal
from collections import Counter
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from processor.core.dead_letter import CONNECT, OURS, REDELIVERIES
from processor.core.request.signing.ids import CARRIED
from tests.acceptance.test_redelivery import Lettered, Letters, lettered
from tests.support.endpoint import Endpoint
from tests.support.long_suite import LONG
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.kafka
__all__ = ["lettered"]


def target(letters: Letters, partitions: int = 1) -> str:
    letters.configure("http://127.0.0.1:9/")
    topic = f"again-{uuid4()}"
    # What is put back with the time that it had is old: it would be deleted before anybody has looked.
    letters.stage.broker.create_topic(topic, partitions, {"retention.ms": "-1"})
    return topic


def committed(letters: Letters, topic: str) -> Counter[bytes]:
    """The values that a reader of committed records sees, each how often."""
    reader = Consumer(
        {
            "bootstrap.servers": letters.stage.broker.bootstrap_servers,
            "group.id": str(uuid4()),
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    partitions = range(len(letters.stage.broker.end_offsets(topic)))
    reader.assign([TopicPartition(topic, number, 0) for number in partitions])
    found: Counter[bytes] = Counter()
    ended = set[int | None]()
    while len(ended) < len(partitions):
        message = reader.poll(PATIENCE)
        assert message is not None
        if message.error():
            ended.add(message.partition())
        else:
            found[message.value() or b""] += 1
    reader.close()
    return found


async def test_the_records_stand_there_as_they_were_with_their_ids_and_counts(lettered: Lettered) -> None:
    letters = lettered(30)
    topic = target(letters)
    letters.stage.broker.produce(
        letters.topic,
        [
            (None, b"{}", [("tenant", b"a"), (CONNECT + "topic", b"orders"), (REDELIVERIES, b"2")]),
            (b"k", b"{}", [(CONNECT + "topic", b"orders"), (REDELIVERIES, b"3")]),
            (b"k", None, [(CONNECT + "topic", b"orders"), (OURS + "value.size", b"3")]),
        ],
    )
    status, lines, said = await letters.run("requeue", "--to", topic)
    assert status == 3, said
    assert (lines[-1]["requeued"], lines[-1]["too_often"], lines[-1]["incomplete"]) == (31, 1, 1)
    assert lines[-1]["left"] == 0
    put = letters.stage.broker.read_all(topic)
    assert [message.key() for message in put] == [b"k%d" % n for n in range(30)] + [None]
    assert dict(put[7].headers() or ()) == {CARRIED: b"events-0-7-1700000000000", REDELIVERIES: b"0"}
    assert next(iter(put[30].headers() or ())) == ("tenant", b"a")
    assert dict(put[30].headers() or ())[REDELIVERIES] == b"2"
    assert min(message.timestamp()[1] for message in put) > 1_750_000_000_000
    assert (await letters.run("requeue", "--to", topic))[1][-1]["requeued"] == 0


async def test_those_that_are_asked_for_are_put_back_and_the_others_stay_open(lettered: Lettered) -> None:
    letters = lettered(60)
    topic = target(letters)
    dry = await letters.run("requeue", "--to", topic, "--status", "4xx", "--dry-run")
    assert (dry[0], committed(letters, topic).total()) == (0, 0)
    done = await letters.run("requeue", "--to", topic, "--status", "4xx", "--keep-timestamps")
    assert (done[0], done[1][-1]["requeued"], done[1][-1]["other"]) == (0, 20, 40)
    put = letters.stage.broker.read_all(topic)
    assert {message.timestamp()[1] for message in put} == {1_700_000_000_000}
    for _ in range(2):
        assert (await letters.run("requeue", "--to", topic, "--limit", "25"))[1][-1]["requeued"] == 25
    assert (letters.position(), committed(letters, topic).total()) == (50, 70)


async def test_what_was_sent_again_is_not_put_back_and_purge_deletes_what_was_brought_back_alone(
    lettered: Lettered,
) -> None:
    letters = lettered(12)
    topic = target(letters)
    async with Endpoint() as endpoint:
        letters.configure(endpoint.url)
        assert (await letters.run("redeliver", "--limit", "5"))[0] == 0
    assert (await letters.run("requeue", "--to", topic))[1][-1]["requeued"] == 7
    assert committed(letters, topic).total() == 7
    before = letters.stage.broker.end_offsets(letters.topic)
    refused = await letters.run("purge")
    assert (refused[0], letters.stage.broker.end_offsets(letters.topic)) == (2, before)
    letters.stage.broker.produce(letters.topic, [(b"k", b"open", [])])
    assert (await letters.run("purge", "--yes"))[0] == 0
    assert [message.value() for message in letters.stage.broker.read_all(letters.topic)] == [b"open"]


async def test_behind_marks_of_transactions_nothing_is_left_open(lettered: Lettered) -> None:
    letters = lettered(0, partitions=2)
    topic = target(letters)
    for partition, is_aborted in ((0, False), (1, True)):
        writer = Producer(
            {"bootstrap.servers": letters.stage.broker.bootstrap_servers, "transactional.id": str(uuid4())}
        )
        writer.init_transactions(PATIENCE)
        writer.begin_transaction()
        writer.produce(letters.topic, b"{}", b"k", partition)
        writer.flush(PATIENCE)
        (writer.abort_transaction if is_aborted else writer.commit_transaction)(PATIENCE)
    status, lines, _ = await letters.run("requeue", "--to", topic)
    assert (status, lines[-1]["requeued"], lines[-1]["left"]) == (0, 1, 0)
    assert letters.position() == sum(letters.stage.broker.end_offsets(letters.topic).values()) == 4


async def test_of_two_that_put_back_the_same_the_first_is_told_of_the_second_and_ends(
    lettered: Lettered,
) -> None:
    letters = lettered(100)
    topic = target(letters)
    first = await letters.start("requeue", "--to", topic, "--rate", "10")
    async with asyncio.timeout(PATIENCE):
        while letters.position() < 10:
            await asyncio.sleep(0.05)
    assert (await letters.run("requeue", "--to", topic))[0] == 0
    _, said = await first.communicate()
    assert first.returncode == 1
    assert "another process moves letters of the same run" in said.decode()
    seen = committed(letters, topic)
    assert seen.total() == len(seen) == 100


async def test_what_another_process_begins_to_send_again_meanwhile_is_put_back_no_more(
    lettered: Lettered,
) -> None:
    letters = lettered(200)
    topic = target(letters)
    async with Endpoint() as endpoint:
        letters.configure(endpoint.url)
        requeue = await letters.start("requeue", "--to", topic, "--rate", "10")
        async with asyncio.timeout(PATIENCE):
            while letters.position() < 10:
                await asyncio.sleep(0.05)
        assert (await letters.run("redeliver", "--rate", "1000"))[0] == 0
        _, said = await requeue.communicate()
        assert requeue.returncode == 1
        assert "1 processes send letters" in said.decode()
        sent = Counter(arrival.body for arrival in endpoint.requests)
    both = sent + committed(letters, topic)
    assert both.total() == len(both) == 200


async def test_a_topic_that_is_not_there_is_said_before_anything_is_done(lettered: Lettered) -> None:
    letters = lettered(1)
    target(letters)
    for arguments in (("requeue", "--to", "nowhere"), ("redeliver", "--parked", "nowhere")):
        status, _, said = await letters.run(*arguments)
        assert (status, letters.position()) == (1, 0)
        assert "topic nowhere: is not there" in said


@pytest.mark.timeout(900 if LONG else 300)
async def test_under_kill_9_a_reader_of_committed_records_sees_each_exactly_once(lettered: Lettered) -> None:
    count, kills = (5_000, 10) if LONG else (600, 3)
    letters = lettered(count, partitions=3)
    topic = target(letters, partitions=2)
    arguments = ("requeue", "--to", topic, "--rate", str(count / (30 if LONG else 6)))
    for n in range(kills):
        process = await letters.start(*arguments)
        async with asyncio.timeout(PATIENCE):
            while letters.position() <= n * count // (2 * kills):
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGTERM if n == 0 else signal.SIGKILL)
        _, said = await process.communicate()
        assert n > 0 or (process.returncode, "goes on where it was" in said.decode()) == (1, True)
    assert (await letters.run(*arguments))[0] == 0
    seen = committed(letters, topic)
    assert seen.total() == len(seen) == count
    assert letters.position() == count
