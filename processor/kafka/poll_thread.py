"""The thread that owns the client: polls, rebalances and commands, and one stream of source events.

Every call on the client is made here. (From another thread a call would block for seconds:
confluent-kafka-python pulls 2322 and 2346.) Commands are obeyed between polls, and while it waits in the
callback of a rebalance. Everything learned leaves as source events, in order, on the event loop.

Promises:
- `Assigned` comes before the first record of an assignment, and nothing of a partition comes after
  its `Revoked` or `Lost`;
- it stays in the callback of a revocation until the partitions are `released`, or `max_wait` seconds
  have passed, and commits asked before that are sent before the partitions go;
- an offset that the topic no longer holds is never reset unseen: what was deleted before it was read
  is told as `Missed`, and a position behind the end of the same log ends the process;
- a topic that was deleted and made anew is told as `MadeAnew`, and read from its beginning in a new
  assignment, whatever was committed for the one before; with `auto_offset_reset: error` the process ends;
- nothing of the topics that we write is read, told or committed, also where a pattern assigns them to us;
- an assignment waits at most 20 s for the brokers, what is asked again 5 s and a fifth of the time;
- at most `AHEAD` batches are handed over and not taken, so a busy loop is not buried.
"""

import time
from asyncio import AbstractEventLoop
from collections.abc import Callable, Collection, Mapping
from functools import partial

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from processor.config.kafka import KafkaSettings
from processor.core.progress.offset_codec import read
from processor.core.progress.topic_identity import TopicIdentities, TopicIds
from processor.kafka.commands import Commands, call_on
from processor.kafka.options import LOGGER, consumer_options
from processor.kafka.partitions.committer import Committer, Done
from processor.kafka.partitions.fetching import Fetching
from processor.kafka.partitions.pauses import Pauses
from processor.kafka.partitions.records import Records
from processor.kafka.partitions.start_positions import TRIES, StartPositions, partition_of
from processor.kafka.partitions.tenures import LEAVING, Tenures
from processor.kafka.partitions.topic_ids import ANSWER_SECONDS, Registry, known
from processor.kafka.words import MADE_ANEW, UNREAD, member_state, trouble
from processor.model import (
    Assigned,
    Commit,
    Identified,
    Lost,
    MadeAnew,
    Partition,
    Received,
    Revoked,
    SourceEvent,
    Stopped,
    Troubled,
)

BATCH = 500
AHEAD = 2
POLL_SECONDS = 0.05


class PollThread:
    """All that is known of one membership; only `run` may be called from another thread, to become it."""

    def __init__(
        self,
        kafka: KafkaSettings,
        own_topics: frozenset[str],
        max_wait: float,
        commands: Commands,
        loop: AbstractEventLoop,
        sink: Callable[[SourceEvent], None],
        ended: Callable[[], None],
    ) -> None:
        """`sink` takes source events on `loop`, and `ended` is called there when nothing more comes."""
        self._kafka = kafka
        self._own_topics = own_topics
        self._max_wait = max_wait
        self._commands = commands
        self._loop = loop
        self._sink = sink
        self._ended = ended
        self._epoch = self._ahead = 0
        self._closing = False
        self._has_told_of = set[str]()
        self.beat = time.monotonic()
        """When it last went round."""
        self._tenures = Tenures()
        self._identities = TopicIdentities()
        self._committer = Committer(self._tenures, partial(call_on, loop), self._tell)
        options = consumer_options(kafka, own_topics)
        options |= {"on_commit": self._committer.answered, "error_cb": self._on_error}
        options |= {"stats_cb": self._on_statistics}
        self._client = confluent_kafka.Consumer(options, logger=LOGGER)
        self._holds = Pauses(self._client)
        self._registry = Registry(kafka)
        self._beginnings = StartPositions(
            self._client,
            kafka.may_read,
            kafka.auto_offset_reset,
            self._tell,
            own_topics=own_topics,
            cluster=self._registry.cluster,
        )
        self._fetching = Fetching(
            self._client, self._tenures, self._holds, self._beginnings, self._is_made_anew
        )
        self._records = Records(
            self._client, self._tenures, self._fetching, self._on_error, self._is_made_anew, self._tell
        )

    def run(self) -> None:
        """Until it is closed, or cannot go on."""
        try:
            self._client.subscribe(
                list(self._kafka.topics),
                on_assign=lambda _, assigned: self._assign(assigned),
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
            while not self._closing:
                self._go_round()
            self._client.close()
        except Exception as error:  # noqa: BLE001 - whatever ends the thread has to end the process
            self._tell(Stopped(f"the consumer ended: {error}"))
        finally:
            call_on(self._loop, self._ended)

    def _go_round(self) -> None:
        self.beat = time.monotonic()
        self._commands.obey()
        self._fetching.settle(self.beat)
        if unknown := self._fetching.unknown(self.beat):
            self._assign([TopicPartition(*partition) for partition in unknown], is_again=True)
        if self._ahead >= AHEAD or self._holds.are_waited_for(self.beat):
            self._commands.obey(wait=POLL_SECONDS)
        elif self._holds.are_resting(self.beat):
            self._commands.obey(wait=POLL_SECONDS)
            # Answers come with what is read, and what is ready may wait for them.
            if self._committer.is_waiting:
                self._read(1)
        else:
            self._read(BATCH, wait=POLL_SECONDS)

    def _read(self, most: int, wait: float = 0.0) -> None:
        if received := self._records.read(most, wait):
            self._ahead += 1
            self._tell(received)

    def _on_error(self, error: KafkaError, topic: str | None = None) -> None:
        self._tell(trouble(error, topic))

    def _on_statistics(self, statistics: str) -> None:
        if state := member_state(self._client, self._kafka.group_protocol, statistics):
            self._tell(state)

    # Rebalances: callbacks only record and wait, and never raise

    def _assign(self, assigned: list[TopicPartition], *, is_again: bool = False) -> None:
        """Begin these; `is_again`: those that were parked, and are told anew once it is known where."""
        self.beat = began = time.monotonic()
        patience = self._beginnings.take_time(is_again=is_again)
        ours = [each for each in assigned if each.topic not in self._own_topics]
        partitions = list(map(partition_of, ours))
        question = self._registry.ask({each.topic for each in ours}, self._answered)
        committed = self._beginnings.committed(ours, 1 if is_again else TRIES)
        marked = {p: read(*at).marks.topic_id if (at := committed.get(p)) else None for p in partitions}
        told = question.answer(patience.at_most(ANSWER_SECONDS) if any(marked.values()) else 0.0)
        anew = self._identities.begun(marked, told)
        unread = self._own_among(assigned)
        if anew and not self._may_begin_anew(anew):
            unread |= anew
        begun = self._beginnings.of(partitions, committed, is_asked=is_again)
        begun |= dict.fromkeys(anew, OFFSET_BEGINNING)
        starts = {p: at for p, at in begun.items() if p not in unread}
        parked = frozenset(partitions) - starts.keys() - unread
        begins = [p for p in partitions if not (is_again and p in parked)]
        if begins or not is_again:
            self._epoch += 1
            positions = {p: None if p in anew else committed.get(p) for p in begins}
            since, cluster = self._beginnings.since, self._registry.cluster()
            self._tell(Assigned(self._epoch, positions, known(told), since, starts, cluster))
            self._fetching.begin(self._epoch, starts, parked=() if is_again else parked, unread=unread)
        self._fetching.put_off(parked, began)

    def _on_revoke(self, _: confluent_kafka.Consumer, revoked: list[TopicPartition]) -> None:
        partitions = self._leave(revoked)
        self._tell(Revoked(partitions))
        deadline = time.monotonic() + self._max_wait
        while self._tenures.count(LEAVING) and time.monotonic() < deadline:
            self.beat = time.monotonic()
            self._commands.obey(wait=POLL_SECONDS)
        self._tenures.gone(partitions)

    def _on_lost(self, _: confluent_kafka.Consumer, lost: list[TopicPartition]) -> None:
        partitions = self._leave(lost)
        self._tenures.gone(partitions)
        self._tell(Lost(partitions))

    def _leave(self, leaving: list[TopicPartition]) -> frozenset[Partition]:
        """Nothing of these is read any more; those are returned that the loop knows of."""
        own = self._own_among(leaving)
        partitions = frozenset(map(partition_of, leaving)) - own
        self._identities.forgotten(partitions)
        self._tenures.gone(own)
        self._tenures.leave(partitions)
        self._holds.forget(partitions)
        return partitions

    def _own_among(self, partitions: list[TopicPartition]) -> frozenset[Partition]:
        """The partitions of topics of ours among these, each of which is told once."""
        found = frozenset(p for p in map(partition_of, partitions) if p.topic in self._own_topics)
        for topic in sorted({p.topic for p in found} - self._has_told_of):
            self._has_told_of.add(topic)
            self._tell(Troubled("own_topic", f"{topic} {UNREAD}"))
        return found

    # Identities

    def _answered(self, told: TopicIds) -> None:
        """In a thread of the library's."""
        if told:
            self._commands.put(partial(self._identified, told))

    def _identified(self, told: TopicIds) -> frozenset[Partition]:
        """The partitions whose topics, of which this is told, were made anew; they are begun anew.

        Not within a revocation: what is assigned stays as it is then. It will be told again.
        """
        if self._tenures.count(LEAVING):
            return frozenset()
        told = self._identities.timely(told)
        self._tell(Identified(told))
        anew = self._identities.learned(self._tenures.ours(), told, time.monotonic())
        if anew and self._may_begin_anew(anew):
            self._epoch += 1
            since, cluster = self._beginnings.since, self._registry.cluster()
            self._tell(Assigned(self._epoch, dict.fromkeys(anew), known(told), since, cluster=cluster))
            self._fetching.begin_anew(self._epoch, anew, OFFSET_BEGINNING)
        return anew

    def _is_made_anew(self, partition: Partition) -> bool:
        """What comes of it is not of the log that we know: is that another topic's by now?"""
        return partition in self._identified(self._registry.ask({partition.topic}).answer(ANSWER_SECONDS))

    def _may_begin_anew(self, partitions: frozenset[Partition]) -> bool:
        """Tell that the topics of these were made anew; whether that is not for the operator to say."""
        self._tell(MadeAnew(partitions))
        is_ours_to_say = self._kafka.auto_offset_reset != "error"
        if not is_ours_to_say:
            self._tell(Stopped(f"{min(partitions)} {MADE_ANEW}"))
        return is_ours_to_say

    # Commands

    def commit(self, commits: Mapping[Partition, Commit], done: Done) -> None:
        """Those whose epochs are current."""
        self._committer.commit(self._client, commits, done)

    def hold(self, partitions: frozenset[Partition], *, at_once: bool) -> None:
        """Take nothing from these, as far as they are ours."""
        self._holds.wanted(partitions & self._tenures.ours(), at_once=at_once)

    def rest(self, resting: bool) -> None:
        """Read little, or as ever."""
        self._holds.rest(resting, self.beat)

    def released(self, partitions: Collection[Partition]) -> None:
        """Wait for these no longer."""
        self._tenures.released(partitions)

    def identify(self) -> None:
        """Ask which topics these are."""
        self._registry.ask({partition.topic for partition in self._tenures.ours()}, self._answered)

    def close(self) -> None:
        """This round is the last."""
        self._closing = True

    def _took(self) -> None:
        self._ahead -= 1

    # To the event loop

    def _tell(self, event: SourceEvent) -> None:
        call_on(self._loop, self._hand_over, event)

    def _hand_over(self, event: SourceEvent) -> None:
        try:
            self._sink(event)
        finally:  # whatever a record did to who takes it: others are to be read
            if isinstance(event, Received):
                self._commands.put(self._took)
