"""A condition: an expression that says of each event whether it is for this destination.

Promise: it is true or false and nothing else; what cannot be worked out is an EventError that names the
member, and never false: a name that is misspelt would lose a topic without a word.
"""

from processor.core.request.templates.engine import UnusableTemplateError
from processor.core.request.templates.scope import Scope, Vocabulary
from processor.core.request.templates.texts import Compiler, is_lone, is_template
from processor.errors import EventError

PLACE = "filter.when"


class Condition:
    """A compiled condition. Raises UnusableTemplateError if it cannot be used."""

    def __init__(self, expression: str, vocabulary: Vocabulary) -> None:
        source = f"{{{{ ({expression}) }}}}"
        if is_template(expression) or not expression.strip() or not is_lone(source):
            raise UnusableTemplateError(
                "is an expression: write it without {{ }}, such as event.type == 'track'"
            )
        self._value = Compiler(vocabulary).value(source)

    def holds(self, scope: Scope) -> bool:
        """Whether it is true. Raises EventError `invalid_event`."""
        found = self._value.of(scope, PLACE)
        if not isinstance(found, bool):
            raise EventError("invalid_event", f"{PLACE}: comes to neither true nor false")
        return found
