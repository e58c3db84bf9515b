"""Everything this package raises, grouped by what the catcher does about it.

ConfigError     do not start; every problem is listed; exit 2.
EventError      the record can never be delivered: dead-letter it, never retry.
TransportError  no answer came: try again.
WriteError      a dead letter or a report was not acknowledged: hold the record, try again.
FatalError      this process cannot go on: exit non-zero, to be started anew.
"""

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["ConfigError", "EventError", "FatalError", "Problem", "TransportError", "WriteError"]


class Problem(NamedTuple):
    """One thing wrong with the configuration: where it stands, what is wrong, what to write instead."""

    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        """One line for a terminal: `path: message (remedy)`."""
        tail = f" ({self.remedy})" if self.remedy else ""
        return f"{self.path}: {self.message}{tail}"


class ConfigError(Exception):
    """The configuration cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


class EventError(Exception):
    """An event that can never become a request.

    `code` is one of `invalid_event`, `invalid_header`, `invalid_url`, `endpoint_not_allowed`,
    `tombstone`, `invalid_schema` (what its schema is cannot be used), `unknown_schema` (nobody knows what
    it is written with); `message` says what is wrong without quoting the event.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


class TransportError(Exception):
    """No usable answer came back.

    `reason` is a word of a closed set (a metric label): `connect`, `dns`, `tls`, `certificate`,
    `connect_timeout` (no connection in time), `answer_timeout` (no answer in time), `reset`, `malformed`,
    `too_large`, `http2_only` (the server speaks nothing else), `blocked` (the address may not be sent to),
    `proxy` (it is not there, or leads nowhere),
    `credentials` (nothing that proves who we are was to be had: nothing left).
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message
        super().__init__(f"{reason}: {message}")


class WriteError(Exception):
    """A record was not acknowledged by the broker.

    `reason` is a word of a closed set (a metric label): `too_large`, `invalid_record`,
    `invalid_timestamp`, `other_record` (one of the same batch is at fault), `unknown_topic`,
    `not_authorized`, `timed_out`, `queue_full`, `broker`.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message
        super().__init__(f"{reason}: {message}")


class FatalError(Exception):
    """This process cannot go on; the message says why and what the operator can do."""
