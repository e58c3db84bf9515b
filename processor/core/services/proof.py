"""Proof: what a request carries that tells the webhook who sends it, and that is put on when it leaves.

Promises: a request without it is left as it was, so that nothing that is kept of one (a dead letter, the live
page, a log line) has it; for requests with the same headers the result has the same headers too, one and the
same object, so that their head is written once. What an event says by the same name gives way, or wins where
the policy says so; a header that stands in a file is replaced where it is the configured one, and not where
an event has said another.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol
from urllib.parse import quote, unquote_plus

from processor.model import Headers, Request

MASK = "‹token›"
"""What is shown in place of a secret that is put on."""
_NOTHING: Mapping[tuple[str, str], str] = MappingProxyType({})


class Signs(Protocol):
    """Who makes headers of a whole request."""

    def made(self, request: Request, at: float) -> Headers:
        """Those of `request` as it leaves at that time, a timestamp."""
        ...


class Proof:
    """One that can be used now; another one takes its place when a secret changes.

    `headers` are put on; `replaced` says by name, in lower case, and configured value what a header is now;
    `query` is a name and a value for the URL; `signs` makes headers of the rest. With `may_override` a
    request that has one of these headers already keeps it, and gets no proof.
    """

    def __init__(
        self,
        headers: Headers = (),
        *,
        replaced: Mapping[tuple[str, str], str] = _NOTHING,
        query: tuple[str, str] | None = None,
        signs: Signs | None = None,
        may_override: bool = False,
    ) -> None:
        self._headers = headers
        self._replaced = replaced
        self._query = query and (f"{quote(query[0], safe='')}=", quote(query[1], safe=""), query[0])
        self._signs = signs
        self._names = frozenset(name.lower() for name, _ in headers)
        if signs is not None:
            self._names |= {"authorization"}
        self._may_override = may_override
        self.seen: Headers | None = None
        self.made: Headers = ()
        """What becomes of the headers that were seen last."""
        self._is_own = True
        self.is_plain = query is None and signs is None
        """Whether all it does is to make other headers of those of a request."""
        self._url = self._url_made = ""

    def put_on(self, request: Request, at: float) -> Request | None:
        """`request` as it leaves at that time, a timestamp; None: it says itself who sends it."""
        method, url, headers, body, attempt_headers, _ = request
        if headers is not self.seen:
            self._look_at(headers)
        if not self._is_own:
            return None
        if self.is_plain:
            return Request(method, url, self.made, body, attempt_headers)
        if self._query is not None:
            if url != self._url:
                self._url, self._url_made = url, _with(url, *self._query)
            url = self._url_made
        made = Request(method, url, self.made, body, attempt_headers)
        if self._signs is not None:
            return made._replace(attempt_headers=(*attempt_headers, *self._signs.made(made, at)))
        return made

    def _look_at(self, headers: Headers) -> None:
        """What becomes of these, and whether they leave room for ours."""
        self.seen = headers
        is_said = any(name.lower() in self._names for name, _ in headers)
        self._is_own = not (is_said and self._may_override)
        kept = tuple(
            (name, self._replaced.get((name.lower(), value), value))
            for name, value in headers
            if name.lower() not in self._names
        )
        same = not is_said and not self._headers and kept == headers
        self.made = headers if same else (*kept, *self._headers)
        if not self._is_own:
            self.seen = None  # nobody may take what was made of them


def _with(url: str, name: str, value: str, plain: str) -> str:
    """`url` with that parameter at its end, and with none of this name before it."""
    path, mark, query = url.partition("?")
    if mark and plain[:1].lower() in unquote_plus(query).lower():
        pairs = (pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) != plain)
        query = "&".join(pairs)
    between = "&" if query and not query.endswith("&") else ""
    return f"{path}?{query}{between}{name}{value}"
