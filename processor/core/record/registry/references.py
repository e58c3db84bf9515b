"""References: what a schema refers to, and what that refers to, in the order in which it can be read.

Promise: each name is asked for once, what something refers to stands before it, and there are no more of
them than `MOST_REFERENCES`, nor more than `MOST_BYTES` in all; what refers to itself is refused. Of several
with one name the first counts, as with the registry's own client.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from processor.core.record.registry.answers import Definition, Reference
from processor.errors import EventError

MOST_REFERENCES = 100
"""Of one schema, with those of what it refers to."""
MOST_BYTES = 1024 * 1024
"""Characters of all the texts."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A schema with all that it refers to; `references` maps names to texts, each behind what it needs.

    `name` is what it is called in errors.
    """

    name: str
    text: str
    type: str
    references: dict[str, str] = field(default_factory=dict)


class Walk:
    """Through the references of one schema, depth first: ask for `wanted`, until there is none."""

    def __init__(self, name: str, definition: Definition) -> None:
        """Raises EventError `invalid_schema`, as all of this does; `name` names the schema in it."""
        self._name = name
        self._root = definition
        self._texts: dict[str, str] = {}
        self._begun: set[str] = set()
        self._size = 0
        self._path: list[tuple[str | None, str, Iterator[Reference]]] = []
        self._enter(None, definition)

    def wanted(self) -> Reference | None:
        """What has to be asked for next; None: nothing."""
        while self._path:
            name, text, rest = self._path[-1]
            if (reference := next(rest, None)) is None:
                self._path.pop()
                if name is not None:
                    self._texts[name] = text
            elif reference.name not in self._begun:
                return reference
            elif reference.name not in self._texts:
                raise self._invalid("refers to itself")
        return None

    def found(self, reference: Reference, definition: Definition) -> None:
        """What was wanted, as the registry has it."""
        self._begun.add(reference.name)
        if len(self._begun) > MOST_REFERENCES:
            raise self._invalid(f"refers to more than {MOST_REFERENCES} others")
        self._enter(reference.name, definition)

    def whole(self) -> Whole:
        """The schema with all that was found."""
        return Whole(self._name, self._root.text, self._root.type, self._texts)

    def _enter(self, name: str | None, definition: Definition) -> None:
        self._size += len(definition.text)
        if self._size > MOST_BYTES:
            raise self._invalid(f"has more than {MOST_BYTES} characters, with what it refers to")
        self._path.append((name, definition.text, iter(definition.references)))

    def _invalid(self, what: str) -> EventError:
        return EventError("invalid_schema", f"{self._name} {what}")
