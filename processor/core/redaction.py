"""Secrets: the texts that may stand nowhere but in a request or a login, struck out of all else.

Promises: a secret is struck in every spelling that `processor.core.spelling` reads, before anything
is cut, so that no half of one is left at the end. One shorter than six characters is struck where it
stands alone, with no letter or digit beside it: it would else be found in every word. What is learned
later counts at once for everybody who holds this object; of such secrets the newest are kept.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from processor.core import spelling

MASK = "***"
LEARNED = 64
"""Secrets learned later that are kept."""
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
        self._learned: OrderedDict[str, None] = OrderedDict()
        self._prepare()

    def __repr__(self) -> str:
        """How many there are, and nothing of them."""
        return f"Secrets({len(self._configured) + len(self._learned)})"

    def __contains__(self, text: str) -> bool:
        """Whether `text` is one of them."""
        return text in self._configured or text in self._learned

    def add(self, text: str) -> None:
        """One that was learned later, such as a token that was fetched."""
        if not text or text in self._configured:
            return
        self._learned[text] = None
        self._learned.move_to_end(text)
        while len(self._learned) > LEARNED:
            self._learned.popitem(last=False)
        self._prepare()

    def strike(self, text: str) -> str:
        """`text` without secrets."""
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
        known = [*self._configured, *self._learned]
        self._spellings = sorted({each for text in known for each in spelling.spellings(text)})
        self._overlap = min(_LONGEST_ESCAPE * max(map(len, known), default=0), MOST_OVERLAP)

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
