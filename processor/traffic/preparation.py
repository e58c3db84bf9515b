"""Preparation: what is to be done with a record: a request, nothing by a rule, or a refusal; now or later.

Promises:
- `run` and `preview` ask the same object, so both do the same with the same record;
- who asks is answered once: by what `prepare` returns or, where that is `Later`, by `done`, which is called
  on the event loop, never before `prepare` has returned, and never once it was called off;
- what is refused (EventError) is wrong in the record itself; for want of something else it is `Held`.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from processor.core.record.content import Content, LeftOut
from processor.core.record.looks import looks_like
from processor.core.record.metadata import MEMBERS
from processor.core.record.reading import BYTE_ORDER_MARK, Reading, RecordPolicy, Value, reading
from processor.core.request.endpoint import Origin
from processor.core.request.events import Event, parse, text_of
from processor.core.request.filters import DEFAULT, FilterPolicy, Selection, keeps_back
from processor.core.request.signing.ids import is_usable
from processor.core.request.templates.scope import Scope, Vocabulary
from processor.core.request.templates.templated import Templated
from processor.core.request.transform import Prepared, RequestPolicy, Transform
from processor.errors import EventError
from processor.model import Headers, Record, Request

PLAIN = RecordPolicy()


class Skipped(NamedTuple):
    """A rule leaves the record out.

    `reason` is a word of a closed set: `tombstone`, `integrations`, `consent`, `filter`, `delete`,
    `truncate`, `message`; of letters that are sent again those of `core.letters.redelivery.Verdict`.
    """

    reason: str


class Held(NamedTuple):
    """What it takes is not to be had, by no fault of the record: it is asked for again.

    `reason` is a sentence for the operator.
    """

    reason: str


class Later(NamedTuple):
    """The answer comes later, to `done`, unless it is called off."""

    call_off: Callable[[], None]


Result = Request | Prepared | Skipped | EventError | Held
"""What becomes of a record; a plain Request is one that is passed on as it is."""


Made = TypeVar("Made", Request, Prepared, Request | Prepared, Prepared | Skipped)


class Preparing(Protocol):
    """Who prepares."""

    def prepare(self, record: Record, done: Callable[[Record, Result], None]) -> Result | Later:
        """What becomes of `record`, or that it is told later. Raises nothing."""
        ...


class Preparation:
    """Prepares records at once; `decode` makes JSON of values that are none yet.

    Raises EventError if the URL or headers cannot be used, UnusableTemplateError if templates cannot.
    """

    def __init__(
        self,
        request: RequestPolicy,
        filters: FilterPolicy = DEFAULT,
        record: RecordPolicy = PLAIN,
        decode: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._decode = decode
        self._reading = reading(record)
        self._is_explained = record.value not in (Value.CLOUDEVENT, Value.REGISTRY)
        """Else its bytes are what they should be."""
        self._vocabulary = Vocabulary(MEMBERS, record.has_events)
        self._templated = Templated(request, self._vocabulary) if request.templates else None
        self._transform = self._templated or Transform(request)
        self._selection = Selection.by(filters, self._vocabulary)
        self._has_scope = self._templated is not None or self._selection is not None
        self._id_member = request.id_member
        self._integrations = filters.integrations
        self._skip_tombstones = filters.skip_tombstones

    @property
    def origin(self) -> Origin:
        """Who receives: the configured scheme, host and port."""
        return self._transform.origin

    def prepare(self, record: Record, done: Callable[[Record, Result], None]) -> Result:  # noqa: ARG002 - Preparing
        """What becomes of `record`; `done` is never called."""
        if self._reading is not None:
            return self._prepare_read(record, self._reading, record.value)
        value = record.value
        if value is None and self._skip_tombstones:
            return Skipped("tombstone")
        try:
            event = parse(value)
        except EventError as error:
            return _explained(error, value)
        try:
            if keeps_back(self._integrations, event):
                return Skipped("integrations")
            if self._has_scope and (shaped := self._prepare_in(event, record)) is not None:
                return shaped if self._id_member is None else _known(shaped, event, self._id_member)
            made = self._transform.unchanged(event) or self._transform.prepare(event)
            return made if self._id_member is None else _known(made, event, self._id_member)
        except EventError as error:
            return error

    def _prepare_in(self, event: Event, record: Record, said: Headers = ()) -> Prepared | Skipped | None:
        """What filters and templates make of an event; None: it is sent as without them."""
        scope = Scope(event, record, self._vocabulary)
        if self._selection is not None and (reason := self._selection.leaves_out(scope)):
            return Skipped(reason)
        return None if self._templated is None else self._templated.prepare_in(event, scope, said)

    def prepare_decoded(self, record: Record, value: bytes) -> Result:
        """The same for a record that says `value`, which was decoded."""
        assert self._reading is not None
        return self._prepare_read(record, self._reading, value)

    def _prepare_read(self, record: Record, reading: Reading, value: bytes | None) -> Result:
        """The same for a record that has to be read first."""
        try:
            if self._decode is not None and value is not None:
                value = self._decode(value)
            content = reading.read(record, value)
        except EventError as error:
            if error.code == "tombstone" and self._skip_tombstones:
                return Skipped("tombstone")
            return _explained(error, record.value) if self._is_explained else error
        if isinstance(content, LeftOut):
            return Skipped(content.reason)
        try:
            made = self._prepare_content(content, record, reading)
        except EventError as error:
            return error
        if isinstance(made, Skipped):
            return made
        request, dropped, is_foreign, brings_proof = made
        if content.before:
            data = (request.body or b"").removeprefix(BYTE_ORDER_MARK)
            request = request._replace(body=b"%b%b}" % (content.before, data or b"null"))
        return Prepared(request, dropped + content.dropped, is_foreign, brings_proof)

    def _prepare_content(self, content: Content, record: Record, reading: Reading) -> Prepared | Skipped:
        """The request for what a record says, or why it is left out. Raises EventError."""
        if content.body is None:
            event = _parsed(content.event)
            if keeps_back(self._integrations, event):
                return Skipped("integrations")
            made = self._prepare_in(event, record, content.headers) if self._has_scope else None
            made = made or self._transform.prepare(event, content.headers)
            return made if self._id_member is None else _known(made, event, self._id_member)
        if not self._has_scope:
            return self._transform.carry(content.body, content.content_type, content.headers)
        scope = Scope(lambda: reading.document(record), record, self._vocabulary)
        if self._selection is not None and (reason := self._selection.leaves_out(scope)):
            return Skipped(reason)
        if self._templated is None:
            return self._transform.carry(content.body, content.content_type, content.headers)
        return self._templated.carry_in(content.body, content.content_type, scope, content.headers)


def _known(made: Made, event: Event, member: str) -> Made:
    """The same, with the id that the event says in that member, if it can be one."""
    if isinstance(made, Skipped):
        return made
    said = text_of(event.members.get(member))
    if said is None or not is_usable(said):
        return made
    if isinstance(made, Request):
        return made._replace(id=said)
    return made._replace(request=made.request._replace(id=said))


def _parsed(value: bytes | None) -> Event:
    try:
        return parse(value)
    except EventError as error:
        raise _explained(error, value) from None


def _explained(error: EventError, value: bytes | None) -> EventError:
    """With what the bytes look like, which tells more than the first byte that is wrong."""
    guess = value is not None and looks_like(value)
    return EventError(error.code, f"{error.message}; it looks like {guess}") if guess else error
