"""The template engine: minijinja, strict and with bounded fuel, as one library for expressions and texts.

Promises: what a template names is known before the first event; a name that there is not is a fault of the
template, a member that there is not an EventError, never empty text; and what is told of an error quotes the
template and nothing of the event.

The library is asked for when the first template is compiled, and by nothing else.
"""

import re
from collections.abc import Callable, Collection
from typing import Any

from processor.core.request.templates.factors import FILTER, as_written, factor, guarded
from processor.core.request.templates.objects import OMIT, at, each, xml
from processor.core.request.templates.paths import without_nulls
from processor.core.request.templates.scope import ALL, Names, Parts, Scope, Vocabulary
from processor.errors import EventError

FUEL = 100_000
"""Steps of one template."""
_CALLS, _CALLS_OF_EVENT = re.compile(r"\.\s*\w+\s*\("), re.compile(r"\bevent\s*\.\s*\w+\s*\(")
_FILTERS = re.compile(r"\|\s*([A-Za-z_]\w*)")
_TESTS = re.compile(r"\bis\s+(?:not\s+)?([A-Za-z_]\w*)")
_TEXT = r""""(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'"""
_STRINGS = re.compile(_TEXT, re.DOTALL)
_CODE = re.compile(
    rf"\{{\{{(?:{_TEXT}|(?!\}}\}})[^\"'])*+\}}\}}|\{{%(?:{_TEXT}|(?!%\}})[^\"'])*+%\}}", re.DOTALL
)
_NAMED = re.compile(r"(?<![\w.])(?:event|record)\b(?:\s*\.\s*[A-Za-z_]\w*)*")
_SHOWN = 80
_DICT = "clear|copy|fromkeys|get|items|keys|pop|popitem|setdefault|update|values"
_METHODS = re.compile(rf"""\.\s*({_DICT})\b(?!\s*\()|[\w\])]\s*\[\s*["']({_DICT})["']\s*\]""")
_CHANGES = re.compile(
    r"\.\s*(append|clear|extend|insert|pop|popitem|remove|reverse|setdefault|sort|update)\s*\("
)
_INDENT = re.compile(r"\|\s*tojson\s*\(\s*(?!(?:indent\s*=\s*)?(?:[0-9]|true|false|none)?\s*\))")
_MISSING = (
    "needs the library minijinja, which is not installed: pip install 'kafka-webhook-processor[formats]'"
)


_WHAT_FAILS = (
    EventError,
    RuntimeError,
    AttributeError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
)
"""What values are not made for, as the library and what it calls say it; its own error is a RuntimeError."""


class UnusableTemplateError(ValueError):
    """A template that cannot be used; the message says why, and quotes nothing but the template."""


class Template:
    """A compiled template: what comes of it for a record."""

    def __init__(self, engine: "Engine", name: str, source: str) -> None:
        self._engine = engine
        self._render = engine.render
        self._name = name
        self._source = source
        named = engine.named_in(source) | _written_in(source)
        self._names = _names_in(source, named)
        self._of_record = _of_record(named)

    def fill(self, scope: Scope, place: str) -> str:
        """The text. Raises EventError, which begins with `place`."""
        try:
            return self._render(self._name, **scope.variables(self._names, self._of_record))
        except _WHAT_FAILS as error:
            raise self._engine.told(error, self._source, place) from None


class Engine:
    """Compiles templates; `finish` makes of the value of each expression what is written for it.

    Raises UnusableTemplateError where the library is not installed.
    """

    def __init__(self, vocabulary: Vocabulary, finish: Callable[[Any], Any]) -> None:
        try:
            import minijinja
        except ImportError:
            raise UnusableTemplateError(_MISSING) from None
        self._error = minijinja.TemplateError
        self._safe = minijinja.safe
        self._environment = minijinja.Environment(
            undefined_behavior="strict",
            fuel=FUEL,
            keep_trailing_newline=True,
            finalizer=finish,
            auto_escape_callback=lambda _: False,
            filters={
                "at": at,
                "each": each,
                FILTER: factor,
                "optional": lambda value: OMIT if value is None else value,
                "without_nulls": without_nulls,
                "xml": lambda value, root="root": self._safe(xml(value, root)),
            },
            globals={"omit": OMIT},
        )
        self._roots = ["event", "record"] if vocabulary.has_event else ["record"]
        self.render: Callable[..., str] = self._environment.render_template
        self._known = {*self._roots, *self._environment.globals}
        self._of_record = vocabulary.record
        self._count = 0

    def compiled(self, source: str, *, is_plain: bool = False) -> Template:
        """The template; `is_plain`: it is paths alone, which are found without the engine.

        Raises UnusableTemplateError.
        """
        self._count += 1
        name = str(self._count)
        try:
            self._environment.add_template(name, source)
        except self._error as error:
            raise UnusableTemplateError(f"line {error.line}: {error.detail or error.kind}") from None
        if (safe := guarded(source)) != source:
            self._environment.add_template(name, safe)
        template = Template(self, name, safe)
        self.refuse_foreign(self.named_in(source))
        self._refuse_unknown(source)
        if not is_plain:
            _refuse_methods(source)
        if changes := [found[1] for code in _CODE.findall(source) if (found := _CHANGES.search(code))]:
            raise UnusableTemplateError(f"calls `{changes[0]}`, which changes what it is filled in from")
        if any(map(_INDENT.search, _CODE.findall(source))):  # so many spaces would be made at once
            raise UnusableTemplateError("indents by `tojson` with something else than a digit")
        return template

    def named_in(self, source: str) -> set[str]:
        """What a template refers to, as far as it is plain names: `event.properties`, or `event` alone."""
        return set(self._environment.undeclared_variables_in_str(source, nested=True))

    def told(self, error: Exception, source: str, place: str) -> EventError:
        """What keeps a template from being filled in."""
        if isinstance(error, EventError):
            return EventError(error.code, f"{place}: {error.message}")
        if isinstance(error, self._error):
            return EventError("invalid_event", f"{place}: {_told(error, source)}")
        return EventError("invalid_event", f"{place}: cannot be worked out: `{_shown(as_written(source))}`")

    def refuse_foreign(self, named: Collection[str]) -> None:
        """Raise UnusableTemplateError for names that there are not: `event`, `record` or `record.MEMBER`."""
        if foreign := sorted({each.partition(".")[0] for each in named} - self._known):
            known = " and ".join(f"`{each}`" for each in self._roots)
            raise UnusableTemplateError(f"names `{foreign[0]}`, but knows {known} alone")
        of_record = {each.split(".")[1] for each in named if each.startswith("record.")}
        if foreign := sorted(of_record - self._of_record.keys()):
            known = ", ".join(self._of_record)
            raise UnusableTemplateError(f"names `record.{foreign[0]}`, but a record has {known}")

    def _refuse_unknown(self, source: str) -> None:
        """Filters and tests are looked for by the library only when they are called."""
        for code in _CODE.findall(source):
            bare = _STRINGS.sub("''", code)
            for noun, names, trial in (("filter", _FILTERS, "1|{}"), ("test", _TESTS, "1 is {}")):
                for name in names.findall(bare):
                    if self._is_unknown(trial.format(name)):
                        raise UnusableTemplateError(f"there is no {noun} `{name}`")

    def _is_unknown(self, expression: str) -> bool:
        try:
            self._environment.eval_expr(expression)
        except self._error as error:
            return error.kind in ("UnknownFilter", "UnknownTest")
        except (TypeError, ValueError):  # it is there, and wants something else
            pass
        return False


def _written_in(source: str) -> set[str]:
    """What stands there as a name: the library passes over what is sliced, as `event.list[:2]`."""
    code = [_STRINGS.sub("''", each) for each in _CODE.findall(source)]
    return {"".join(name.split()) for each in code for name in _NAMED.findall(each)}


def _names_in(source: str, named: set[str]) -> Names | None:
    """The members of an event that a template names; None: all of them."""
    if "event" in named or _CALLS_OF_EVENT.search(source):
        return None
    found: dict[str, set[str]] = {}
    for _, name, *below in [path.split(".") for path in named if path.startswith("event.")]:
        found.setdefault(name, set()).update(below[:1] or "*")
    is_called = _CALLS.search(source) is not None
    return {name: None if is_called or "*" in parts else Parts(parts) for name, parts in found.items()}


def _of_record(named: set[str]) -> frozenset[str]:
    found = {each.split(".")[1] for each in named if each.startswith("record.")}
    return ALL if "record" in named else frozenset(found)


def _refuse_methods(source: str) -> None:
    """To the engine an object has its methods where it has no such member: nothing would be missed."""
    for code in _CODE.findall(source):
        if found := _METHODS.search(code):
            name = found[1] or found[2]
            remedy = f'write `| at("{name}")`, which is null where it is not there'
            raise UnusableTemplateError(
                f"has the member `{name}`, which is also a method of objects: {remedy}"
            )


def _told(error: Any, source: str) -> str:
    """What went wrong in words that hold nothing of the event."""
    if error.kind == "UndefinedError" and error.detail:
        return str(error.detail).replace("is undefined", "is not there")
    if error.kind == "OutOfFuel":
        return f"takes more than {FUEL} steps"
    start, end = error.range or (0, 0)
    at = source.encode()[start:end].decode(errors="replace")
    return f"cannot be worked out at `{_shown(as_written(at))}` in `{_shown(as_written(source))}`"


def _shown(source: str) -> str:
    return source if len(source) <= _SHOWN else source[:_SHOWN] + "…"
