"""How we stand in the group, heard and asked for, is told: as a fault, as lines, as what was lost."""

import asyncio
from collections.abc import Callable, Collection, Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from processor.core.group.membership import LOST, UNACKNOWLEDGED
from processor.core.progress.flow import Flow, FlowPolicy
from processor.core.progress.offset_codec import Marks, encode
from processor.model import Assigned, Lost, MemberState, Position, Troubled
from processor.telemetry.facts import Broadcast, Listener
from processor.telemetry.log_lines import LogLines
from processor.traffic.group import PROTOCOL_MAY_BE_OFF, Group
from tests.support.builders import FIRST, SECOND, assigned, records
from tests.support.patience import PATIENCE

DENIED = Troubled("TOPIC_AUTHORIZATION_FAILED", "no", FIRST.topic)


@pytest.fixture
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged."""
    with capture_logs() as lines:
        yield lines


class FakeInquiry:
    """Brokers that answer what a test says."""

    def __init__(self) -> None:
        self.doubt: str | None = ""
        self.topics: Collection[str] | None = None

    async def missing(self, topics: Collection[str]) -> Collection[str] | None:
        """As said."""
        return None if self.topics is None else set(topics) - set(self.topics)

    async def doubt_of_protocol(self) -> str | None:
        """As said."""
        return self.doubt


class Foreign(Listener):
    """Hears of other destinations."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def foreign(self, destination: str, partitions: int) -> None:
        """One has committed."""
        self.told.append((destination, partitions))


class House:
    """A group on a clock that a test moves."""

    def __init__(self, *, is_classic: bool = True) -> None:
        self.now = 5000.0
        self.leased = False
        self.foreign = Foreign()
        self.flow = Flow(FlowPolicy())
        self.inquiry = FakeInquiry()
        self.group = Group(
            self.flow,
            self.inquiry,
            Broadcast(LogLines(lambda: self.now), self.foreign),
            lambda: self.now,
            lambda: self.leased,
            destination="crm",
            is_classic=is_classic,
        )

    def assign(self, event: Assigned) -> None:
        """Partitions come, as the app passes it on."""
        self.group.take(event)
        self.flow.assigned(event)

    def lose(self) -> None:
        """All of them are lost."""
        gone = frozenset(self.flow.assignment())
        self.group.take(Lost(gone))
        self.flow.revoked(gone)
        self.flow.released(gone)

    def later(self, is_so: Callable[[], object]) -> Callable[[], object]:
        """Whether it is so, each time a second later."""

        def asked() -> object:
            self.now += 1
            return is_so()

        return asked

    async def watched(self, until: Callable[[], object]) -> None:
        """Let it watch until something holds."""
        watching = asyncio.create_task(self.group.watch())
        async with asyncio.timeout(PATIENCE):
            while not until():
                await asyncio.sleep(0)
        watching.cancel()


def test_how_lost_partitions_stood_is_kept_until_there_is_another_assignment() -> None:
    house = House()
    house.assign(assigned(FIRST, SECOND))
    house.flow.received(records([0, 1]))
    stood = dict(house.flow.standings())
    house.lose()
    assert house.group.lost() == stood
    assert str(house.group.fault()).startswith(LOST)
    house.assign(assigned(SECOND, epoch=2))
    assert house.group.lost() == {}


def test_another_destination_that_has_committed_in_our_group_is_told() -> None:
    house = House()
    for name in ("crm", "erp"):
        metadata, _ = encode(7, [], marks=Marks(destination=name))
        house.assign(assigned(FIRST, SECOND, committed=Position(7, metadata)))
    house.assign(assigned(FIRST, committed=Position(7, "written by somebody else")))
    assert house.foreign.told == [("erp", 2)]


def test_partitions_of_a_topic_that_may_not_be_read_are_no_reason_to_doubt_the_membership() -> None:
    house = House()
    house.assign(assigned(FIRST))
    assert house.group.fault() == UNACKNOWLEDGED
    house.group.take(DENIED)
    assert house.group.fault() is None
    assert house.group.topics_fault() == f"{FIRST.topic} may not be read: grant Read on it"


async def test_a_topic_that_is_missing_is_looked_for_until_it_is_there() -> None:
    house = House()
    house.group.take(Troubled("UNKNOWN_TOPIC_OR_PART", "no", "orders"))
    assert "orders is not there" in str(house.group.topics_fault())
    house.inquiry.topics = {"orders"}
    await house.watched(lambda: house.group.topics_fault() is None)


@pytest.mark.slow
async def test_a_protocol_that_may_be_switched_off_is_said_of_one_who_never_was_a_member(
    lines: list[MutableMapping[str, Any]],
) -> None:
    for was_member in (False, True):
        lines.clear()
        house = House(is_classic=False)
        if was_member:
            house.group.take(Assigned(1, {}))
            house.now += 60
        await house.watched(house.later(lambda: lines))
        assert (PROTOCOL_MAY_BE_OFF in lines[0]["reason"]) is not was_member


async def test_brokers_that_do_not_know_the_protocol_are_told_at_once(
    lines: list[MutableMapping[str, Any]],
) -> None:
    house = House(is_classic=False)
    house.inquiry.doubt = "too old"
    await house.watched(lambda: lines)
    assert str(lines[0]["reason"]).endswith("too old")


@pytest.mark.slow
async def test_a_membership_that_is_unproven_for_long_is_told_and_so_is_its_return(
    lines: list[MutableMapping[str, Any]],
) -> None:
    house = House()
    await house.watched(house.later(lambda: lines))
    assert "not proven" in str(lines[0]["event"])
    house.group.take(MemberState(has_coordinator=True, is_settled=True))
    await house.watched(lambda: len(lines) == 2)
    assert "is proven" in str(lines[1]["event"])
