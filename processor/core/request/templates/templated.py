"""A request that templates shape: path, query, headers and body.

Promises: no event chooses who receives it, nor leaves the path that is written: what it brings is one segment
or a part of one, never `.`, `..` or nothing, however often it is decoded; no line break gets into a header.
What an event names itself (`fullPath`, `appendPath`, `header`) goes before the path, query and headers that
are written, as it does before those of the configuration; `destination.envelope: none` takes that away.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, unquote

from processor.core.request import query
from processor.core.request.endpoint import LONGEST_URL
from processor.core.request.events import Event, parse
from processor.core.request.headers import FORBIDDEN_IN_VALUE, LONGEST_VALUE, MOST_HEADER_BYTES, as_read
from processor.core.request.templates.body import Node, checked, form, shaped
from processor.core.request.templates.engine import UnusableTemplateError
from processor.core.request.templates.policy import Encoding, TemplatePolicy
from processor.core.request.templates.scope import Scope, Vocabulary
from processor.core.request.templates.texts import Compiler, Place, Text, is_template
from processor.core.request.transform import JSON_BODY, Prepared, RequestPolicy, Transform
from processor.errors import EventError
from processor.model import Headers, Request

_BETWEEN = re.compile(r"\{\{.*?\}\}|\{#.*?#\}|/", re.DOTALL)
_SAFE = "/:@!$&'()*+,;=~%"
_DECODING_ROUNDS = 5
_NESTED_CODES = re.compile("%(?:25)+(?=[0-9a-fA-F]{2})")
_BLANK = " \t\r\n\0"
"""What some who read a path take off its segments."""
_FORM = "application/x-www-form-urlencoded"
_PLACES = (("xml", Place.XML), ("html", Place.XML), ("json", Place.JSON), ("csv", Place.CSV))


class Templated(Transform):
    """Makes requests by templates. Raises UnusableTemplateError with all that is wrong with them."""

    def __init__(self, policy: RequestPolicy, vocabulary: Vocabulary) -> None:
        super().__init__(policy)
        said = policy.templates or TemplatePolicy()
        faults: list[str] = []
        self._said = said
        self._own = policy.own_headers
        self._compiler = Compiler(vocabulary)
        self._path = list(self._segments(said.path, faults))
        self._query = None if said.query is None else self._texts(said.query.items(), "query", faults)
        self._templates = self._texts(said.headers, "headers", faults)
        self._say_content_type()
        self._place = _place_of(self._headers)
        self._shape = self._made_shape(faults)
        self._text = self._made_text(faults)
        if not self._reserved.isdisjoint(as_read(name) for name, _, _ in self._templates):
            faults.append("destination.headers: one is made for each attempt, and is configured too")
        if any(as_read(name) == "host" for name, _, _ in self._templates):
            faults.append(
                "destination.headers.Host: says who receives, which no event chooses: write it as it is"
            )
        if faults:
            raise UnusableTemplateError(*faults)

    def prepare_in(self, event: Event, scope: Scope, said: Headers = ()) -> Prepared:
        """The request for an event, whose record says these headers; they win over all others.

        Raises EventError: `invalid_event`, `invalid_url`, `invalid_header`, `endpoint_not_allowed`.
        """
        asked, dropped, url = self._asked(event, said)
        is_foreign = not self._endpoint.is_own(url)
        if url == self._endpoint.url:
            url = self._address(url, scope)
        if self._templates:
            asked = {**self._filled_headers(scope, is_foreign=is_foreign), **asked}
        headers = self._headers_with(asked, is_foreign=is_foreign)
        if self._plain_method is not None:
            request = Request(self._plain_method, url, headers, self._sent(event, scope))
            return Prepared(request, dropped, is_foreign, self._brings_proof(asked))
        if self._query is None and (pairs := query.parameters(event)):
            url = query.joined(url, pairs)
        request = Request(self._method.value, url, headers, None)
        return Prepared(request, dropped, is_foreign, self._brings_proof(asked))

    def carry_in(self, body: bytes, content_type: str | None, scope: Scope, said: Headers = ()) -> Prepared:
        """The request for bytes that are no event, unless the body is written. Raises EventError."""
        told, dropped = self._told(said)
        headers = dict(self._headers)
        if (written := self._written(scope)) is not None:
            body = written
        else:
            headers.pop("content-type", None)
            if content_type is not None:
                headers["content-type"] = ("Content-Type", content_type)
        asked = {**self._filled_headers(scope, is_foreign=False), **told}
        url = self._address(self._endpoint.url, scope)
        request = Request(self._method.value, url, tuple({**headers, **asked}.values()), body)
        return Prepared(request, dropped, False, self._brings_proof(asked))

    def _segments(self, path: str | None, faults: list[str]) -> Iterator[str | Text]:
        for segment in _split(path or ""):
            if not is_template(segment):
                if segment in (".", "..") or re.search(r"[?#\s]", segment):
                    faults.append(f"destination.path: {segment[:64]!r} cannot stand in a path")
                yield quote(segment, safe=_SAFE)
                continue
            try:
                yield self._compiler.text(segment, Place.URL)
            except UnusableTemplateError as fault:
                faults.append(f"destination.path: {fault}")

    def _texts(
        self, texts: Iterable[tuple[str, str]], noun: str, faults: list[str]
    ) -> list[tuple[str, Text, str]]:
        found = []
        for name, text in texts:
            place = f"destination.{noun}.{name}"
            try:
                found.append((name, self._compiler.text(text), place))
            except UnusableTemplateError as fault:
                faults.append(f"{place}: {fault}")
        return found

    def _made_shape(self, faults: list[str]) -> Node | None:
        if self._said.body is None:
            return None
        return shaped(self._said.body.shape, self._compiler, "destination.body", faults)

    def _made_text(self, faults: list[str]) -> Text | None:
        if self._said.body_template is None:
            return None
        try:
            return self._compiler.text(self._said.body_template, self._place)
        except UnusableTemplateError as fault:
            faults.append(f"destination.body_template: {fault}")
            return None

    def _say_content_type(self) -> None:
        """What the body is said to be: as it is written; a form where no header says it either."""
        kind, is_said = self._said.content_type, self._headers.get("content-type") is not JSON_BODY
        if kind is None and self._said.encoding is Encoding.FORM and not is_said:
            kind = _FORM
        if kind is not None and self._method.has_body:
            self._headers["content-type"] = self._foreign_headers["content-type"] = ("Content-Type", kind)
            self._plain_headers = tuple(self._headers.values())
            self._plain_foreign_headers = tuple(self._foreign_headers.values())

    def _address(self, url: str, scope: Scope) -> str:
        if self._said.path is not None:
            base, mark, rest = url.partition("?")
            segments = [self._segment(each, scope) for each in self._path]
            url = base.rstrip("/") + "/" + "/".join(segments) + mark + rest
        pairs = {}
        for name, text, place in self._query or ():
            if (value := text.fill(scope, place)) is not None:
                pairs[name] = value
        url = query.joined(url, pairs) if pairs else url
        if len(url) > LONGEST_URL:
            raise EventError("invalid_url", f"the URL is longer than {LONGEST_URL} bytes")
        return url

    def _segment(self, segment: str | Text, scope: Scope) -> str:
        if isinstance(segment, str):
            return segment
        text = quote(segment.fill(scope, "destination.path") or "", safe=_SAFE)
        if _climbs(text):
            raise EventError("invalid_url", "destination.path: a segment comes to '.', '..' or nothing")
        return text

    def _filled_headers(self, scope: Scope, *, is_foreign: bool) -> dict[str, tuple[str, str]]:
        filled, size = {}, 0
        for name, text, place in self._templates:
            if is_foreign and name.lower() in self._own:
                continue
            value = text.fill(scope, place)
            if value is None:
                continue
            size += len(name) + len(value)
            _refuse_unsendable(name, value, size)
            filled[name.lower()] = (name, value)
        return filled

    def _sent(self, event: Event, scope: Scope) -> bytes:
        body = self._written(scope)
        if body is not None:
            return body
        body = self._body(event)
        return checked(form(body)) if self._said.encoding is Encoding.FORM else body

    def _written(self, scope: Scope) -> bytes | None:
        """The body that the operator has written; None: none is."""
        if self._text is not None:
            return checked(self._rendered(self._text, scope))
        if self._shape is None:
            return None
        body = self._shape.write(scope) or b"null"
        return checked(form(body) if self._said.encoding is Encoding.FORM else body)

    def _rendered(self, text: Text, scope: Scope) -> bytes:
        body = (text.fill(scope, "destination.body_template") or "").encode()
        if self._place is Place.JSON and body:
            try:
                parse(body)
            except EventError:
                message = "destination.body_template: comes to no JSON"
                raise EventError("invalid_event", message) from None
        return body


def _place_of(headers: Mapping[str, tuple[str, str]]) -> Place:
    """How the text of a body is escaped: by what it is said to be."""
    kind = headers.get("content-type", ("", ""))[1].lower()
    if kind.startswith(_FORM):
        return Place.FORM
    return next((place for word, place in _PLACES if word in kind), Place.PLAIN)


def _split(path: str) -> Iterator[str]:
    """The segments of a path; what stands between slashes of a template is its own."""
    if "{%" in path:
        yield path.removeprefix("/")
        return
    start = 0
    path = path.removeprefix("/")
    for found in _BETWEEN.finditer(path):
        if found[0] == "/":
            yield path[start : found.start()]
            start = found.end()
    yield path[start:]


def _climbs(text: str) -> bool:
    """Whether a segment of it is nothing, or `.` or `..`, however often it is decoded."""
    if not all(text.split("/")):
        return True
    text = _NESTED_CODES.sub("%", text)
    for _ in range(_DECODING_ROUNDS):
        if any(each.split(";")[0].strip(_BLANK) in (".", "..") for each in re.split(r"[/\\]", text)):
            return True
        text = unquote(text, errors="replace")
    return False


def _refuse_unsendable(name: str, value: str, size: int) -> None:
    if FORBIDDEN_IN_VALUE.search(value):
        fault = "has a line break, NUL or control character"
        raise EventError("invalid_header", f"the value of header {name} {fault}")
    if len(value.encode()) > LONGEST_VALUE or size > MOST_HEADER_BYTES:
        raise EventError("invalid_header", f"the value of header {name} is longer than {LONGEST_VALUE} bytes")
