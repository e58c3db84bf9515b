"""What one process reports, to a topic that fares as that of dead letters does, apart from it."""

import json
from collections.abc import Callable
from functools import partial

from processor.errors import WriteError
from processor.model import Message, Partition
from tests.simulation.clock import Gate
from tests.simulation.ledger import Account, Tenure
from tests.simulation.letters import Topic
from tests.simulation.topic import Topic as Name


class Reports:
    """What one process writes."""

    def __init__(self, topic: Topic, loop: Gate, account: Account) -> None:
        self._topic = topic
        self._loop = loop
        self._account = account

    def write(self, message: Message, written: Callable[[WriteError | None], None]) -> None:
        """Acknowledged, or not, later: a report may be there though no one said so."""
        said = json.loads(message.value or b"")
        place = Partition(Name(said["topic"]), said["partition"]), said["offset"]
        item, tenure = self._account.report_sent(*place, said["outcome"])
        error, is_there, seconds = self._topic.outcome(message)
        if item is not None:
            item.reports += is_there
        self._loop.call_later(seconds, partial(self._answer, place, tenure, error, written))

    def _answer(
        self,
        place: tuple[Partition, int],
        tenure: Tenure | None,
        error: WriteError | None,
        written: Callable[[WriteError | None], None],
    ) -> None:
        self._account.report_answered(place, tenure, error)
        written(error)
