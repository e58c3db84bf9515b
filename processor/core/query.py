"""What an event becomes where there is no body: names and values for a query.

Nested values are flattened as RudderStack does: `a.b` for members, `a[0]` for elements; names are
not escaped, on a collision the last wins; an empty list or object stays as `[]` or `{}`. Values
that are not strings are written as their JSON text.
"""

from urllib.parse import quote

from processor.core.events import Event, Json, json_text


def parameters(event: Event) -> dict[str, str]:
    """Traits of an identify event, properties of every other one, flattened; none where they are null."""
    value = _traits(event) if event.get("type") == "identify" else event.get("properties")
    return {} if value is None else flatten(value)


def flatten(value: Json) -> dict[str, str]:
    """Every leaf of `value` by its path, in the order in which they are written."""
    flat: dict[str, str] = {}
    pending: list[tuple[str | None, Json]] = [(None, value)]
    while pending:
        path, node = pending.pop()
        if isinstance(node, dict) and (node or path is None):
            pending += [(f"{path}.{name}" if path else name, item) for name, item in reversed(node.items())]
        elif isinstance(node, list) and node:
            pending += [(f"{path or ''}[{i}]", node[i]) for i in reversed(range(len(node)))]
        else:
            flat[path or ""] = str(node) if isinstance(node, str) else json_text(node)
    return flat


def joined(url: str, pairs: dict[str, str]) -> str:
    """`url` with the pairs behind the query it has; spaces as `%20`."""
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs.items())
    if "?" not in url:
        return f"{url}?{text}"
    return url + text if url.endswith(("?", "&")) else f"{url}&{text}"


def _traits(event: Event) -> Json:
    traits = event.get("traits")
    if traits is None or traits == "":
        context = event.get("context")
        traits = context.get("traits") if isinstance(context, dict) else None
    return None if traits == "" else traits
