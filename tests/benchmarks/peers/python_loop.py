"""What is written by hand in an afternoon: a batch from confluent-kafka, gather over aiohttp, a commit.

At least once as long as the endpoint takes it: an event that fails `TRIES` times is logged and passed over.
The order of a key is not kept. A batch waits for its slowest event.
"""

import asyncio
import logging
import os
import signal
import ssl

import aiohttp
import uvloop
from confluent_kafka import Consumer, KafkaException, Message

BATCH, POLL_SECONDS = 500, 0.1
TRIES, FIRST_WAIT_SECONDS = 5, 0.5
TIMEOUT = aiohttp.ClientTimeout(total=10)
LOG = logging.getLogger("python-loop")


class Sender:
    """Sends records, at most `in_flight` at once."""

    def __init__(self, session: aiohttp.ClientSession, url: str, method: str, in_flight: int) -> None:
        self._session, self._url, self._method = session, url, method
        self._slots = asyncio.Semaphore(in_flight)

    async def deliver(self, record: Message) -> None:
        """Send it until it is accepted or the tries are used up."""
        for attempt in range(TRIES):
            try:
                async with self._slots:
                    return await self._send(record.value() or b"")
            except (aiohttp.ClientError, TimeoutError) as error:
                LOG.warning("partition %s, offset %s: %r", record.partition(), record.offset(), error)
            await asyncio.sleep(FIRST_WAIT_SECONDS * 2**attempt)
        return None

    async def _send(self, body: bytes) -> None:
        data = None if self._method == "GET" else body
        async with self._session.request(self._method, self._url, data=data) as answer:
            answer.raise_for_status()
            await answer.read()


async def run() -> None:
    """Deliver until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    in_flight, ca_file = int(os.environ["IN_FLIGHT"]), os.environ.get("CA_FILE")
    tls = ssl.create_default_context(cafile=ca_file) if ca_file else True
    connector = aiohttp.TCPConnector(limit=0, ssl=tls)
    headers = {"Content-Type": "application/json"}
    consumer = _consumer()
    try:
        async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=TIMEOUT) as session:
            sender = Sender(session, os.environ["URL"], os.environ.get("METHOD", "POST"), in_flight)
            while not stopped.is_set():
                await _deliver_batch(consumer, sender)
    finally:
        consumer.close()


async def _deliver_batch(consumer: Consumer, sender: Sender) -> None:
    batch = await asyncio.to_thread(consumer.consume, BATCH, POLL_SECONDS)
    for error in filter(None, (record.error() for record in batch)):
        raise KafkaException(error)
    if batch:
        await asyncio.gather(*(sender.deliver(record) for record in batch))
        await asyncio.to_thread(consumer.commit, asynchronous=False)


def _consumer() -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["BOOTSTRAP"],
            "group.id": os.environ["GROUP"],
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([os.environ["TOPIC"]])
    return consumer


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    uvloop.run(run())
