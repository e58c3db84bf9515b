"""Reports: where it is told what became of events, and what of it.

Promise: a topic that we write is none that we read.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator

from processor.config.kafka import KafkaSettings
from processor.config.values.types import Nullable, Section, Texts, topic_name
from processor.core.redaction import Secrets
from processor.core.reports.report import Outcome, ReportPolicy
from processor.core.request.signing.ids import Ids

_NUMBER = re.compile("[0-9]{1,6}")
MOST_BYTES = 16_384
"""Of a body: as many reports may be on their way as `core/reports/pressure` says."""


def _body(said: Any) -> Any:
    """`none`, or how many bytes."""
    text = str(said).strip()
    if text == "none":
        return text
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MOST_BYTES:
        raise ValueError(f"must be `none`, or a number of bytes from 1 to {MOST_BYTES}")
    return int(text)


def _outcomes(said: list[str]) -> list[str]:
    if wrong := [each for each in said if each not in _WORDS]:
        raise ValueError(f"{wrong[0][:80]!r} is none of {', '.join(_WORDS)}")
    if not said:
        raise ValueError("names none, so that nothing would be reported: leave out reports.topic instead")
    return said


_WORDS = [*map(str, Outcome)]
Outcomes = Annotated[
    Texts,
    AfterValidator(_outcomes),
    WithJsonSchema({"type": "array", "items": {"enum": _WORDS}, "minItems": 1}),
]


class ReportSettings(Section):
    """What is told of events that are settled, in a topic of its own."""

    topic: Annotated[str | None, Nullable] = Field(
        None,
        description="The topic of reports: one record for each event that was delivered, became a dead "
        "letter or was skipped. It has to exist. null: nothing is reported.",
    )
    required: bool = Field(
        False,
        description="Whether an event counts as settled only when its report is acknowledged: while none can "
        "be written its partition is held, and it is not sent again. If not, reports are lost and counted "
        "where they cannot be written, and no event waits for them.",
    )
    outcomes: Outcomes = Field(
        default=[*map(str, Outcome)],
        description="Of which events: `delivered`, `dead_lettered`, `skipped`.",
    )
    body: Annotated[
        Literal["none"] | Annotated[int, Field(ge=1, le=MOST_BYTES)],
        BeforeValidator(_body),
    ] = Field(
        "none",
        description="How many bytes of the endpoint's answer a report has, secrets struck out; `none`: it "
        "has none.",
    )

    @field_validator("topic")
    @classmethod
    def _is_a_topic(cls, topic: str | None) -> str | None:
        return topic and topic_name(topic)

    def policy(
        self, destination: str, secrets: Secrets, ids: Ids | None, *, are_letters: bool
    ) -> ReportPolicy:
        """What reports say, and whether events wait for them."""
        body = 0 if self.body == "none" else self.body
        told = frozenset(map(Outcome, self.outcomes))
        return ReportPolicy(destination, self.required, body, secrets, ids, told, are_letters)


def warnings(reports: ReportSettings, kafka: KafkaSettings, letters: str) -> Iterator[str]:
    """Which patterns find topics that we write, and are not read for that; what means nothing."""
    for topic, called, what in (
        (letters, "dead-letter topic", "letters"),
        (reports.topic, "topic of reports", "reports"),
    ):
        for pattern in kafka.patterns_for(topic) if topic else ():
            yield (
                f"kafka.topics: {pattern} matches the {called} {topic}, which is left out: its {what} are "
                "not read again"
            )

    if reports.topic is None:
        for name in sorted(reports.model_fields_set - {"topic"}):
            yield f"reports.{name} means nothing without reports.topic, the topic to which reports go"


def faults(reports: ReportSettings, kafka: KafkaSettings, letters: str) -> Iterator[str]:
    """What is wrong with the topic of reports beside the others."""
    if reports.topic in kafka.topics:
        yield (
            "reports.topic is in kafka.topics, so that every report would be read as an event: take it out "
            "there, or name another topic for reports"
        )
    if reports.topic == letters:
        yield "reports.topic is dead_letter.topic, whose readers expect events: name another one for reports"
