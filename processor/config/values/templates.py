"""Templates in settings: texts with `{{ … }}` that are filled in from each event, and the shapes around them.

Promise: what comes from a variable or a file as a secret is no template, whatever it resembles; all that is
wrong with templates is told at once, each with its place.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr, WithJsonSchema

from processor.config.values.types import AsWritten, mapping
from processor.core.record.metadata import MEMBERS
from processor.core.record.reading import RecordPolicy
from processor.core.request.filters import FilterPolicy, Selection
from processor.core.request.templates.engine import UnusableTemplateError
from processor.core.request.templates.scope import Vocabulary
from processor.core.request.templates.templated import Templated
from processor.core.request.templates.texts import is_template
from processor.core.request.transform import RequestPolicy
from processor.errors import EventError, Problem
from processor.model import Headers

_NUMBER_OR_SWITCH = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false")
_COMPARED = re.compile(r"""\b(?:event|record)(?:\.\w+|\[[^\]]*\])+\s*[<>]=?\s*-?[0-9.]+""")


class HeaderTemplate(SecretStr):
    """A header's value that is filled in from the event."""


def _shape(said: Any) -> Any:
    """A shape that a variable holds is written as JSON or YAML."""
    is_document = isinstance(said, str) and re.match(r"\s*(\{(?![{%#])|\[)", said)
    return mapping(said) if is_document else said


Template = Annotated[str | None, AsWritten()]
Templates = Annotated[dict[str, str] | None, BeforeValidator(mapping), AsWritten()]
Shape = Annotated[
    Any,
    BeforeValidator(_shape),
    AsWritten(),
    WithJsonSchema({"type": ["object", "array", "string", "number", "boolean", "null"]}),
]


def marked(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers, those that are templates as such."""
    return {
        name: HeaderTemplate(value) if isinstance(value, str) and is_template(value) else value
        for name, value in headers.items()
    }


def texts_of(headers: Mapping[str, SecretStr], *, templates: bool) -> Headers:
    """The headers that are templates, or the others."""
    return tuple(
        (name, value.get_secret_value())
        for name, value in headers.items()
        if isinstance(value, HeaderTemplate) is templates
    )


def problems_of(request: RequestPolicy, filters: FilterPolicy, record: RecordPolicy) -> Iterator[Problem]:
    """What is wrong with the templates and with the condition."""
    vocabulary = Vocabulary(MEMBERS, record.has_events)
    try:
        if request.templates:
            Templated(request, vocabulary)
    except UnusableTemplateError as error:
        for fault in error.args:
            yield Problem(*fault.split(": ", 1))
    except EventError:  # told of the URL or the headers
        pass
    try:
        Selection.by(filters, vocabulary)
    except UnusableTemplateError as error:
        yield Problem("filter.when", str(error))


def texts_like_numbers(shape: Any, place: str) -> Iterator[str]:
    """What stands in a body as text and may be meant as a number or a switch."""
    if isinstance(shape, dict):
        for name, each in shape.items():
            yield from texts_like_numbers(each, f"{place}.{name}")
    elif isinstance(shape, list):
        for at, each in enumerate(shape):
            yield from texts_like_numbers(each, f"{place}[{at}]")
    elif isinstance(shape, str) and _NUMBER_OR_SWITCH.fullmatch(shape):
        yield f'{place}: sent as the text "{shape}"; "{{{{ {shape} }}}}" is sent as {shape}'


def _references(shape: Any, place: str) -> Iterator[str]:
    """Where a body says what refers to a variable or a file elsewhere, and here would be sent."""
    if isinstance(shape, dict):
        if len(shape) == 1 and not shape.keys().isdisjoint(("from_env", "from_file")):
            yield (
                f"{place}: a body takes no {{{next(iter(shape))}: …}}, it would be sent as it stands: write "
                "the value, or let a header carry the secret"
            )
        for name, each in shape.items():
            yield from _references(each, f"{place}.{name}")
    elif isinstance(shape, list):
        for at, each in enumerate(shape):
            yield from _references(each, f"{place}[{at}]")


def texts_compared(condition: str | None) -> Iterator[str]:
    """Where a condition compares what may be text with a number."""
    for found in _COMPARED.finditer(condition or ""):
        yield (
            f"filter.when: `{found[0]}` is true for any text: write `| float` behind the member, so that a "
            "text that is no number is an error"
        )


def misfits_of(destination: Any) -> list[str]:
    """What of a destination's body cannot be together."""
    found = [*_references(destination.body, "destination.body")]
    written = [name for name in ("body", "body_template") if getattr(destination, name) is not None]
    if len(written) > 1:
        found.append("destination.body and destination.body_template are two bodies: leave one out")
    if written and not destination.method.has_body:
        found.append(f"destination.{written[0]} is a body, which {destination.method} does not have")
    is_told_late = any(
        name.lower() == "content-type" for name, _ in texts_of(destination.headers, templates=True)
    )
    if destination.body_template is not None and destination.content_type is None and is_told_late:
        found.append(
            "destination.body_template is escaped by its content type, which a template of "
            "destination.headers tells too late: give destination.content_type"
        )
    if destination.encoding == "form" and (
        destination.body_template is not None or not destination.method.has_body
    ):
        found.append("destination.encoding: form is for a body in the shape of destination.body")
    return found
