"""What template filters make of objects and lists: other lists, and XML.

They do what RudderStack's HTTP destination does with lists of products, and with bodies in XML.
"""

import re
from html import escape
from typing import Any

from processor.errors import EventError

_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]")
_NO_START = re.compile(r"^[^A-Za-z_]")
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Omitted:
    """A value that says: leave out what I stand for."""


OMIT = Omitted()


def at(value: Any, path: Any, otherwise: Any = None) -> Any:
    """What stands at a path, a text with dots or a list of steps; `otherwise` where there is none."""
    for step in _steps(path):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list | tuple) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return otherwise
    return otherwise if value is None else value


def each(items: Any, shape: Any) -> Any:
    """Of each item the member at a path, or an object of some: `{"item_id": "id"}`; what is not there is not.

    No items: the empty list.
    """
    if items is None or isinstance(items, Omitted):
        return []
    if not isinstance(items, list | tuple):
        raise EventError("invalid_event", "`each` wants a list")
    if isinstance(shape, str):
        found = [at(item, shape) for item in items]
        return [item for item in found if item is not None]
    return [
        {name: value for name, path in shape.items() if (value := at(item, path)) is not None}
        for item in items
    ]


def xml(value: Any, root: str = "root") -> str:
    """An object as an XML document; lists are repeated elements, what no name may have becomes `_`."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>']
    _element(root, value, parts)
    return "".join(parts)


def xml_text(text: str) -> str:
    """Text that stands in XML, also in an attribute. Raises EventError for what XML cannot hold."""
    if _NO_XML.search(text):
        raise EventError("invalid_event", "holds a character that no XML has")
    return escape(text)


def _steps(path: Any) -> list[Any]:
    if not isinstance(path, str):
        return list(path)
    return path.split(".") if path else []


def _element(name: str, value: Any, parts: list[str]) -> None:
    if isinstance(value, Omitted) or value is None:
        return
    if isinstance(value, list | tuple):
        for item in value:
            _element(name, item, parts)
        return
    tag = _NO_START.sub("_", _NO_NAME.sub("_", name)) or "_"
    if value in ("", {}):
        parts.append(f"<{tag}/>")
        return
    parts.append(f"<{tag}>")
    if isinstance(value, dict):
        for inner, item in value.items():
            _element(inner, item, parts)
    else:
        parts.append(_leaf(value))
    parts.append(f"</{tag}>")


def _leaf(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if _NO_XML.search(text):
        raise EventError("invalid_event", "holds a character that no XML has")
    return escape(text, quote=False)
