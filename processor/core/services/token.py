"""Access tokens of OAuth 2.0 client credentials: what an answer grants, and when to ask anew.

Promises: a token is renewed at `RENEWED_AT` of its life, while the one before is still good; one that was
refused, or whose life is over, is never given out. Of an answer nothing is repeated but a registered error
code. Times are seconds.

https://www.rfc-editor.org/rfc/rfc6749#section-4.4
"""

import math
import re
from typing import NamedTuple

import msgspec

RENEWED_AT = 0.8
"""Of its life."""
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_CODES = frozenset(
    (
        *("invalid_request", "invalid_client", "invalid_grant", "invalid_scope"),
        *("unauthorized_client", "unsupported_grant_type"),
    )
)


class Granted(NamedTuple):
    """A token, and for how long it is good; infinite where that is not said."""

    text: str
    life: float


class Refused(NamedTuple):
    """Why there is none, in a few words."""

    reason: str


class _Answer(msgspec.Struct):
    access_token: str
    token_type: str = "bearer"  # noqa: S105 - a kind of tokens
    expires_in: float | str | None = None


class _Error(msgspec.Struct):
    error: str


_ANSWER, _ERROR = msgspec.json.Decoder(_Answer), msgspec.json.Decoder(_Error)
_WRONG = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read(status: int, body: bytes) -> Granted | Refused:
    """What the answer of a token endpoint grants."""
    if status != 200:
        return Refused(f"status {status}{_code(body)}")
    try:
        said = _ANSWER.decode(body)
        life = math.inf if said.expires_in is None else float(said.expires_in)
    except (*_WRONG, ValueError):
        return Refused("status 200 with something else than a token")
    if said.token_type.lower() != "bearer" or not _TOKEN.fullmatch(said.access_token):
        return Refused("status 200 with a token that cannot be sent as a bearer's")
    return Granted(said.access_token, life if life > 0 else 0.0)


class Token:
    """The one that is used now."""

    def __init__(self) -> None:
        self._text: str | None = None
        self._renewed_at = self._ends_at = -math.inf

    def granted(self, token: Granted, now: float) -> None:
        """`now`: when it was asked for."""
        self._text = token.text
        self._renewed_at, self._ends_at = now + RENEWED_AT * token.life, now + token.life

    def refused(self, text: str) -> None:
        """This one is not taken; another one may be here by now."""
        if self._text == text:
            self._text = None

    def usable(self, now: float) -> str | None:
        """The token that may be sent; None: it has to be asked for one."""
        return self._text if now < self._ends_at else None

    def is_due(self, now: float) -> bool:
        """Whether another one has to be asked for."""
        return self._text is None or now >= self._renewed_at


def _code(body: bytes) -> str:
    try:
        code = _ERROR.decode(body).error
    except _WRONG:
        return ""
    return f", {code}" if code in _CODES else ""
