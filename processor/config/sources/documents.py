"""Documents: the YAML (and JSON, which is YAML) that settings are written in.

Promise: a scalar means the text that stands there, whether it looks like a number, a date or a yes:
`1.10`, `007`, `0x1F`, `12:30:45` and `on` are not turned into something else. `null`, `~` and nothing
mean none. A key given twice is refused wherever it stands, and so are tags, and aliases that would
make much of little. Numbers and switches are read by the settings that want them. What is told of a fault
repeats nothing of the document but names that the caller knows: anything else may be a secret, badly
quoted.
"""

import re
import sys
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

LARGEST = 100_000
"""Scalars, lists and mappings of a document with all its aliases written out."""

_NULL, _MERGE, _TEXT = (f"tag:yaml.org,2002:{name}" for name in ("null", "merge", "str"))
_ODDITIES = (
    ("found undefined alias", "a value that begins with `*` has to be quoted"),
    ("expected alphabetic", "a value that begins with `*`, `&` or `%` has to be quoted"),
    ("found duplicate anchor", "a value that begins with `&` has to be quoted"),
    ("found undefined tag handle", "a value that begins with `!` has to be quoted"),
    (
        "mapping values are not allowed",
        "a value that holds `: ` has to be quoted, and names that belong together begin in the same column",
    ),
    ("found unknown escape", "a backslash between double quotes has to be written twice"),
    (
        "found character",
        "a value that begins with a tab, a backtick, `%`, `@`, `|` or `>` has to be quoted; no tabs indent",
    ),
    ("expected chomping or indentation", "a value that begins with `|` or `>` has to be quoted"),
    ("expected ',' or", "a bracket is not closed, or a value that holds brackets has to be quoted"),
    ("found unexpected end of stream", "a quote is not closed"),
    ("second occurrence", "a value that begins with `&` has to be quoted"),
    ("found incompatible YAML document", "take out the line that begins with `%YAML`"),
    ("but found another document", "one file holds one document: take out the line `---`"),
    (
        "expected <block end>",
        "the line begins in another column than those it belongs to, or a quote in it is not doubled",
    ),
    ("sequence entries are not allowed", "a value that begins with `- ` has to be quoted"),
    ("block sequence entries are not allowed", "a value that begins with `- ` has to be quoted"),
    ("mapping keys are not allowed", "a value that begins with `? ` has to be quoted"),
    ("expected the node content", "a bracket is not closed, or closes what none has opened"),
    ("expected a comment or a line break", "a value that begins with `|` or `>` has to be quoted"),
    ("could not find expected ':'", "a name wants `: ` behind it, and a value that goes on is indented"),
)
"""How PyYAML begins what it says, of which nothing more may be told, and what the writer can do."""
_ELSE = "look at the columns, quotes and brackets of this line and of the one before it"
_LIST, _MAPPING = (f"tag:yaml.org,2002:{name}" for name in ("seq", "map"))


class Fault(NamedTuple):
    """What is wrong with a document, and in which line, counted from 1; 0 where that is not known."""

    line: int
    message: str


class DocumentError(ValueError):
    """A document that cannot be used; `faults` holds everything that is wrong with it."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(fault.message for fault in faults))


class _Loader(yaml.SafeLoader):
    """Tells null and merge keys from text, and nothing else."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - as the parent class has it


_Loader.add_implicit_resolver(_NULL, re.compile("^(~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(_MERGE, re.compile("^<<$"), ["<"])


def read(text: str, names: Collection[str] = ()) -> Any:
    """What stands in the document: None, text, lists and mappings of text. Raises DocumentError.

    Of its text only `names` are told in faults.
    """
    try:
        root = yaml.compose(text, _Loader)
        return None if root is None else _Reading(names).of(root)
    except yaml.MarkedYAMLError as error:
        raise DocumentError([_no_yaml(error)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        sign = f"U+{ord(text[error.position]):04X}"
        raise DocumentError(
            [Fault(line, f"is not YAML: it holds {sign}, which no text may: take it out")]
        ) from None
    except RecursionError:
        raise DocumentError([Fault(0, "is nested too deeply to be settings")]) from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, DocumentError):
            raise
        raise DocumentError([Fault(0, "is not YAML: it holds something that cannot be read")]) from None


def written(value: Any) -> str:
    """The value in one line, as it reads the same here and to whoever guesses what a scalar means."""
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, width=sys.maxsize)
    return text.removesuffix("\n").removesuffix("\n...")


def page(value: Any) -> str:
    """The same over lines, mappings in the order in which they are."""
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=sys.maxsize)


def _no_yaml(error: yaml.MarkedYAMLError) -> Fault:
    mark, problem = error.problem_mark, error.problem or ""
    oddity = next((remedy for start, remedy in _ODDITIES if problem.startswith(start)), _ELSE)
    place = f"from column {mark.column + 1} on" if mark else "as it stands"
    message = f"is not YAML: it cannot be read {place}"
    return Fault(mark.line + 1 if mark else 0, f"{message}: {oddity}")


class _Reading:
    """One document on its way from nodes to values."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._faults: list[Fault] = []
        self._values: dict[int, Any] = {}
        self._sizes: dict[int, int] = {}

    def of(self, root: Node) -> Any:
        """The value of the whole document."""
        self._measure(root)
        value = self._value(root)
        if self._faults:
            raise DocumentError(sorted(set(self._faults)))
        return value

    def _measure(self, node: Node) -> int:
        """How many values a node stands for; a node inside itself would be without end."""
        if id(node) in self._sizes:
            return self._sizes[id(node)]
        self._sizes[id(node)] = LARGEST + 1
        size = min(1 + sum(map(self._measure, _inside(node))), LARGEST + 1)
        if size > LARGEST:
            line = node.start_mark.line + 1
            raise DocumentError([Fault(line, f"its aliases make it larger than {LARGEST} values")])
        self._sizes[id(node)] = size
        return size

    def _value(self, node: Node) -> Any:
        if id(node) not in self._values:
            self._values[id(node)] = self._made(node)
        return self._values[id(node)]

    def _made(self, node: Node) -> Any:
        if isinstance(node, ScalarNode):
            if node.tag not in (_NULL, _MERGE, _TEXT):
                self._say(node, "holds a tag (`!`), which is not read: leave it out, all scalars are text")
            return None if node.tag == _NULL else node.value
        if node.tag not in (_LIST, _MAPPING):
            self._say(node, "holds a tag (`!`), which is not read: leave it out")
        if isinstance(node, MappingNode):
            return self._mapping(node)
        return [self._value(each) for each in node.value]

    def _mapping(self, node: MappingNode) -> dict[str, Any]:
        own: dict[str, Any] = {}
        below: dict[str, Any] = {}
        seen: set[str] = set()
        for key, content in node.value:
            name = self._name(key)
            if name in seen:
                shown = f"the key {name}" if name in self._names else "a key"
                self._say(key, f"{shown} is given twice, again in column {key.start_mark.column + 1}")
            seen.add(name)
            if key.tag == _MERGE:
                below = self._merged(content)
            else:
                own[name] = self._value(content)
        return below | own

    def _name(self, key: Node) -> str:
        if isinstance(key, ScalarNode) and key.tag in (_TEXT, _MERGE):
            return str(key.value)
        self._say(key, "holds a key that is no text")
        return ""

    def _merged(self, node: Node) -> dict[str, Any]:
        """What `<<` brings in: a mapping, or several of which the first wins."""
        value = self._value(node)
        both: dict[str, Any] = {}
        for each in reversed(value if isinstance(value, list) else [value]):
            if not isinstance(each, dict):
                self._say(node, "`<<` wants a mapping, or a list of some")
                return {}
            both |= each
        return both

    def _say(self, node: Node, message: str) -> None:
        self._faults.append(Fault(node.start_mark.line + 1, message))


def _inside(node: Node) -> Iterator[Node]:
    if isinstance(node, SequenceNode):
        yield from node.value
    elif isinstance(node, MappingNode):
        for pair in node.value:
            yield from pair
