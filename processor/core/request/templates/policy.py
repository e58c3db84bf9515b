"""What a template policy says: the parts of a request that are written by the operator, as they stand.

A part that is None is made as without templates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from processor.model import Headers


class Encoding(StrEnum):
    """How a body in the shape of `destination.body` travels."""

    JSON = "json"
    FORM = "form"


@dataclass(frozen=True, slots=True)
class Body:
    """A body in its shape: text, lists and mappings of it."""

    shape: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class TemplatePolicy:
    """The templates of a request."""

    path: str | None = field(default=None, repr=False)
    query: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Headers = field(default=(), repr=False)
    body: Body | None = None
    body_template: str | None = field(default=None, repr=False)
    content_type: str | None = None
    encoding: Encoding = Encoding.JSON

    def __bool__(self) -> bool:
        """Whether anything is written otherwise than without templates."""
        return self != TemplatePolicy()
