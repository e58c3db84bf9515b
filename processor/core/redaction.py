"""Secrets: the texts that may stand nowhere but in a request or a login, struck out of all else.

Promises: a secret is struck in every spelling that `processor.core.spelling` reads, before anything
is cut, so that no half of one is left at the end. One shorter than six characters is struck where it
stands alone, with no letter or digit beside it: it would else be found in every word. What is added
later counts at once for everybody who holds this object, whatever they made of it before; so there is one
object in a process, and nobody copies what it holds. What one source learns drives out nothing of another.

What was written before a secret was added stays as it is: it is added before it is used for the first time.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from processor.core import spelling

MASK = "***"
KEPT = 8
"""So many of a source's newest secrets are kept: an answer to an old one may be written down much later."""
MOST_OVERLAP = 48 * 1024
"""Characters: the longest spelling of a secret that is found across a cut."""
_LONGEST_ESCAPE = 12
"""Characters that an encoder makes of one: `%F0%9F%98%80`."""

Span = tuple[int, int]


class Secrets:
    """What must not be shown. With `hidden_origin`, of its URLs nothing behind the host is either."""

    def __init__(self, texts: Iterable[str] = (), hidden_origin: str | None = None) -> None:
        self._hidden_origin = hidden_origin
        self._configured = frozenset(filter(None, texts))
        self._added: dict[str, list[frozenset[str]]] = {}
        """By source, the newest last."""
        self._prepare()

    def __repr__(self) -> str:
        """How many there are, and nothing of them."""
        return f"Secrets({len(self._known())})"

    def __contains__(self, text: str) -> bool:
        """Whether `text` is one of them."""
        return text in self._known()

    def add(self, source: str, *texts: str) -> None:
        """The secret of `source`, and what in it is secret by itself, is that from now on.

        A source is what a secret is read or fetched from, by a name that is told apart from all others;
        there are as many as the configuration says.
        """
        new = frozenset(filter(None, texts))
        kept = self._added.setdefault(source, [])
        if new in kept:
            kept.remove(new)
        kept.append(new)
        del kept[:-KEPT]
        self._prepare()

    def strike(self, text: str) -> str:
        return "".join(self._pieces(text, len(text)))

    def excerpt(self, text: str, limit: int) -> str:
        """At most the first `limit` characters of `text` without secrets, at a cost that `limit` bounds."""
        window = text[: limit + self._overlap]
        end = len(window) if len(window) == len(text) else limit
        return "".join(self._pieces(window, end))[:limit]

    def url(self, url: str) -> str:
        """`url` for people: without user info, query and fragment, and without secrets."""
        if self._hidden_origin and url.startswith(self._hidden_origin + "/"):
            return f"{self._hidden_origin}/…"
        parts = urlsplit(url)
        return self.strike(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")

    def _prepare(self) -> None:
        """What to look for; another thread that strikes meanwhile sees the one or the other, each whole."""
        known = self._known()
        self._overlap = min(_LONGEST_ESCAPE * max(map(len, known), default=0), MOST_OVERLAP)
        self._spellings = sorted({each for text in known for each in spelling.spellings(text)})

    def _known(self) -> frozenset[str]:
        return self._configured.union(*(each for kept in self._added.values() for each in kept))

    def _pieces(self, text: str, end: int) -> Iterator[str]:
        """What is left of `text` before `end`, with a mask for each secret that begins there."""
        at = 0
        for start, stop in _apart(self._found(text)):
            if start >= end:
                break
            yield text[at:start]
            yield MASK
            at = stop
        yield text[at:end]

    def _found(self, text: str) -> Iterator[Span]:
        """Where secrets stand, read through as many encoders as there may be."""
        layers: list[spelling.Layer] = []
        yield from self._in(text)
        for _ in range(spelling.DEPTH):
            layer = spelling.read(layers[-1].text if layers else text)
            if layer is None:
                return
            layers.append(layer)
            for span in self._in(layer.text):
                for each in reversed(layers):
                    span = each.before(*span)  # noqa: PLW2901 - the same place, one layer further out
                yield span

    def _in(self, text: str) -> Iterator[Span]:
        for secret, is_word in self._spellings:
            at = text.find(secret)
            while at >= 0:
                end = at + len(secret)
                is_there = not is_word or spelling.stands_alone(text, at, end)
                if is_there:
                    yield at, end
                at = text.find(secret, end if is_there else at + 1)


def _apart(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in their order, those that overlap made one."""
    last: Span | None = None
    for start, stop in sorted(spans):
        if last is None or start >= last[1]:
            if last is not None:
                yield last
            last = start, stop
        else:
            last = last[0], max(last[1], stop)
    if last is not None:
        yield last


NOTHING_SECRET = Secrets()
"""Where nothing has been said yet."""
