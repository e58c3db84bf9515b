"""Access tokens of OAuth 2.0 client credentials: what an answer grants, and when to ask anew.

Promises: a token is renewed while the one before is still good, earlier by some chance, so that processes
that began together do not ask together; one that was refused, or that is about to be over, is never given
out. How long one is good is counted from before it was asked for, on a clock that nobody sets. Nothing is
read out of a token. Of an answer nothing is repeated but a registered error code. Times are seconds.

https://www.rfc-editor.org/rfc/rfc6749#section-4.4
"""

import math
import re
from typing import NamedTuple

import msgspec

DEFAULT_LIFE = 300.0
"""Of a token whose answer says nothing of use: no RFC says how long that is good."""
_LONGEST_LIFE = 10 * 365 * 24 * 3600.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_CODES = {
    "invalid_request": "",
    "invalid_client": " (it does not take client_id and what proves it)",
    "invalid_grant": "",
    "invalid_scope": " (it does not give these scopes)",
    "invalid_target": " (it does not know audience or resource)",
    "unauthorized_client": " (this client may not use client credentials)",
    "unsupported_grant_type": " (it knows no client credentials)",
}
"""What is registered, and what it says of the settings."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_MOST_DOUBLINGS = 16


class Granted(NamedTuple):
    """A token, and for how long it is good."""

    text: str
    life: float

    def __repr__(self) -> str:
        """Nothing of what is secret."""
        return f"Granted(for {self.life:g} s)"


class Refused(NamedTuple):
    """Why there is none, in a few words."""

    reason: str


class Life(NamedTuple):
    """Until when what was granted is used, and from when on another one is asked for."""

    renewed_at: float
    ends_at: float


class _Error(msgspec.Struct):
    error: str


_ANSWER, _ERROR = msgspec.json.Decoder(dict[str, msgspec.Raw]), msgspec.json.Decoder(_Error)
_TEXT = msgspec.json.Decoder(str)
_TEXT_OR_NUMBER = msgspec.json.Decoder(float | str | None)
_WRONG = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read(
    status: int, body: bytes, member: str = "access_token", default: float = DEFAULT_LIFE
) -> Granted | Refused:
    """What the answer of a token endpoint grants, in that member, for `default` if it does not say."""
    if status != 200:
        return Refused(f"status {status}{_code(body)}")
    try:
        said = _ANSWER.decode(body)
        text = _TEXT.decode(said[member])
        kind = _TEXT.decode(said["token_type"]) if "token_type" in said else "bearer"
    except (*_WRONG, KeyError):
        return Refused(f"status 200 with something else than a token{_code(body)}")
    if kind.lower() != "bearer" or not _TOKEN.fullmatch(text):
        return Refused("status 200 with a token that cannot be sent as a bearer's")
    return Granted(text, _life(said.get("expires_in"), default))


def life_of(life: float, asked_at: float, chance: float) -> Life:
    """When to renew what is good for `life` from `asked_at` on; `chance` is a number from 0 to 1."""
    renewed = life - min(60.0, 0.2 * life) - chance * min(30.0, 0.1 * life)
    return Life(asked_at + renewed, asked_at + life - min(10.0, 0.1 * life))


def pause(failures: int, chance: float) -> float:
    """Seconds after so many failures in a row; `chance` is a number from 0 to 1."""
    return chance * min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures, _MOST_DOUBLINGS))


class Token:
    """The one that is used now."""

    def __init__(self) -> None:
        self._text: str | None = None
        self._life = Life(-math.inf, -math.inf)

    def granted(self, token: Granted, now: float, chance: float) -> None:
        """`now`: when it was asked for."""
        self._text, self._life = token.text, life_of(token.life, now, chance)

    def refused(self, text: str) -> None:
        """This one is not taken; another one may be here by now."""
        if self._text == text:
            self._text = None

    def usable(self, now: float) -> str | None:
        """The token that may be sent; None: it has to be asked for one."""
        return self._text if now < self._life.ends_at else None

    def is_due(self, now: float) -> bool:
        """Whether another one has to be asked for."""
        return self._text is None or now >= self._life.renewed_at


def _life(said: msgspec.Raw | None, default: float) -> float:
    """Seconds by what an answer says, a number or a text of one; what makes no sense says nothing."""
    try:
        life = float((said and _TEXT_OR_NUMBER.decode(said)) or 0.0)
    except (*_WRONG, ValueError):
        return default
    return min(life, _LONGEST_LIFE) if life > 0 and math.isfinite(life) else default


def _code(body: bytes) -> str:
    try:
        code = _ERROR.decode(body).error
    except _WRONG:
        return ""
    return f", {code}{_CODES[code]}" if code in _CODES else ""
