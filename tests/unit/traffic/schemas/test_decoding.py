"""Values that name their schema: answered for at once, later with all that wait for it, or held."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from processor.core.record.frame import Frame, Schema
from processor.core.record.reading import RecordPolicy, Value
from processor.core.record.registry.answers import Away, Missing, Result
from processor.core.record.registry.schemas import Schemas, SchemasPolicy
from processor.core.request.transform import Envelope, RequestPolicy
from processor.errors import EventError
from processor.model import Record, Request
from processor.traffic.preparation import Held, Later, Preparation, Skipped
from processor.traffic.preparation import Result as Prepared
from processor.traffic.schemas.decoding import Decoder, Decoding, Told
from tests.support.builders import record
from tests.support.fakes import VirtualClock

DOWN = Away(Result.UNREACHABLE, "it is down")
MISSING = Missing("404, error code 40403")


UNASKED = (
    (b"{}", "record.value: json"),
    (b"\0\xff\xff\xff\xff{}", "no registry gives"),
    (b"\0", "ends"),
)


def framed(number: int = 7, payload: bytes = b'{"a":1}', offset: int = 0) -> Record:
    return record(offset, value=b"\0" + number.to_bytes(4) + payload)


def payload_of(frame: Frame) -> bytes:
    return frame.payload


def wrong(frame: Frame) -> bytes:
    raise EventError("invalid_event", f"{frame.schema} has not written it")


class FakeSource:
    """A registry that answers when a test says so."""

    def __init__(self) -> None:
        self.open: dict[Schema, Told] = {}
        self.asked = 0

    def fetch(self, schema: Schema, told: Told) -> None:
        assert schema not in self.open
        self.open[schema] = told
        self.asked += 1

    def answer(self, answer: Decoder | EventError | Missing | Away = payload_of, number: int = 7) -> None:
        self.open.pop(Schema("id", number))(answer)


class Rig:
    """Decoding between a fake registry and who asks."""

    def __init__(self, missing_after: float = 60.0) -> None:
        self.source, self.clock = FakeSource(), VirtualClock()
        schemas: Schemas[Decoder] = Schemas(SchemasPolicy(missing_after))
        plain = Preparation(
            RequestPolicy("https://h.example", envelope=Envelope.NONE),
            record=RecordPolicy(value=Value.REGISTRY),
        )
        self.decoding = Decoding(
            plain, schemas, self.source, "confluent", clock=self.clock, chance=lambda: 0.5
        )
        self.told: list[tuple[Record, Prepared]] = []

    def ask(self, asked: Record, then: Callable[[], None] = lambda: None) -> Prepared | Later:
        def done(of: Record, result: Prepared) -> None:
            self.told.append((of, result))
            then()

        return self.decoding.prepare(asked, done)


def body(result: Prepared | Later) -> bytes | None:
    assert not isinstance(result, Later | EventError | Skipped | Held)
    request = result if isinstance(result, Request) else result.request
    return request.body


def test_all_that_wait_for_a_schema_are_told_when_it_is_there_and_later_ones_at_once() -> None:
    rig = Rig()
    first, second = framed(), framed(payload=b"[1]", offset=1)
    assert isinstance(rig.ask(first), Later)
    assert isinstance(rig.ask(second), Later)
    assert rig.source.asked == 1
    rig.source.answer()
    assert [(of, body(result)) for of, result in rig.told] == [(first, b'{"a":1}'), (second, b"[1]")]
    assert body(rig.ask(framed(payload=b"2"))) == b"2"
    assert rig.source.asked == 1


def test_a_schema_that_is_waited_for_keeps_no_other_waiting() -> None:
    rig = Rig()
    rig.ask(framed(7))
    rig.ask(framed(8))
    rig.source.answer(number=8)
    assert body(rig.ask(framed(8))) == b'{"a":1}'
    assert isinstance(rig.ask(framed(7)), Later)


def test_what_is_called_off_is_not_told_even_by_who_is_told_before() -> None:
    rig = Rig()
    later: list[Later] = []

    def call_off() -> None:
        for each in later:
            each.call_off()

    rig.ask(framed(offset=0), call_off)
    for offset in (1, 2):
        found = rig.ask(framed(offset=offset))
        assert isinstance(found, Later)
        later.append(found)
    rig.source.answer()
    assert [of.offset for of, _ in rig.told] == [0]
    call_off()


def test_while_the_registry_is_away_records_are_held_and_not_asked_for_by_each() -> None:
    rig = Rig()
    rig.ask(framed())
    rig.source.answer(DOWN)
    assert rig.told == [(framed(), Held("it is down"))]
    assert rig.ask(framed()) == Held("it is down")
    assert rig.source.asked == 1
    rig.clock.advance(10)
    assert isinstance(rig.ask(framed()), Later)
    rig.source.answer()
    assert body(rig.told[-1][1]) == b'{"a":1}'


def test_an_id_that_stays_unknown_is_held_first_and_refused_then() -> None:
    rig = Rig(missing_after=60)
    rig.ask(framed())
    rig.source.answer(MISSING)
    assert isinstance(rig.told.pop()[1], Held)
    rig.clock.advance(61)
    rig.ask(framed())
    rig.source.answer(MISSING)
    refused = rig.told.pop()[1]
    assert isinstance(refused, EventError)
    assert refused.code == "unknown_schema"
    assert rig.ask(framed()) is refused


def test_a_schema_that_is_none_and_a_value_that_is_not_of_it_are_refused() -> None:
    rig = Rig()
    rig.ask(framed())
    none = EventError("invalid_schema", "schema 7 is not JSON")
    rig.source.answer(none)
    assert rig.told.pop()[1] is none
    assert rig.ask(framed()) is none
    rig.ask(framed(8))
    rig.source.answer(wrong, 8)
    refused = rig.told.pop()[1]
    assert isinstance(refused, EventError)
    assert refused.code == "invalid_event"


def test_what_needs_no_schema_asks_for_none() -> None:
    rig = Rig()
    assert rig.ask(record(value=None)) == Skipped("tombstone")
    for value, words in UNASKED:
        refused = rig.ask(record(value=value))
        assert isinstance(refused, EventError)
        assert (refused.code, words in refused.message) == ("invalid_event", True)
    assert rig.source.asked == 0


@given(
    st.lists(
        st.tuples(st.integers(7, 9), st.sampled_from(["ask", "off", "good", "down", "missing", "wait"])),
        max_size=40,
    )
)
def test_each_record_is_answered_once_and_never_refused_for_what_is_the_operators(
    steps: list[tuple[int, str]],
) -> None:
    rig, waiting = Rig(missing_after=1e9), dict[int, Later]()
    answers: dict[str, Decoder | Missing | Away] = {"good": payload_of, "down": DOWN, "missing": MISSING}
    for offset, (number, step) in enumerate(steps):
        told = len(rig.told)
        if step == "ask":
            found = rig.ask(framed(number, offset=offset))
            waiting |= {offset: found} if isinstance(found, Later) else {}
            assert len(rig.told) == told
        elif step == "off" and waiting:
            waiting.pop(next(iter(waiting))).call_off()
        elif step == "wait":
            rig.clock.advance(5)
        elif step in answers and Schema("id", number) in rig.source.open:
            rig.source.answer(answers[step], number)
        for of, result in rig.told[told:]:
            del waiting[of.offset]
            assert not isinstance(result, EventError)
    told = len(rig.told)
    for schema in list(rig.source.open):
        rig.source.answer(number=int(schema.value))
    assert sorted(of.offset for of, _ in rig.told[told:]) == sorted(waiting)
