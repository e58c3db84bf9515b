"""AWS Signature Version 4: what AWS knows a request by.

Promises: what is signed is the request as it is sent, its method, path, query, host, content type and all of
its body; the key of a day is derived once. The path is encoded once more than it is sent, as every service
but S3 reads it. Times are timestamps.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import re
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

from processor.core.services.civil import stamp
from processor.model import Headers, Request

_ALGORITHM = "AWS4-HMAC-SHA256"
_SAFE = "/-_.~"
_CODE = re.compile("%[0-9A-Fa-f]{2}")


class AwsKeys(NamedTuple):
    """Who signs."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        """Nothing of what is secret."""
        return f"AwsKeys({self.access_key_id})"


class Sigv4:
    """Signs for one service in one region."""

    def __init__(self, region: str, service: str, keys: AwsKeys) -> None:
        self._keys = keys
        self._place = region, service, "aws4_request"
        self._second = -1
        self._stamp = self._day = self._scope = ""
        self._key = b""
        self._asked: tuple[str, str] | None = None
        self._headers: Headers | None = None
        self._before = self._behind = self._names = ""

    def made(self, request: Request, at: float) -> Headers:
        """The headers that prove it."""
        second, asked = int(at), (request.method, request.url)
        if second != self._second:
            self._begin(second)
        if request.headers is not self._headers or asked != self._asked:
            self._look_at(request)
        body = sha256(request.body or b"").hexdigest()
        canonical = f"{self._before}{self._stamp}{self._behind}{body}"
        hashed = sha256(canonical.encode()).hexdigest()
        text = f"{_ALGORITHM}\n{self._stamp}\n{self._scope}\n{hashed}"
        signature = hmac.digest(self._key, text.encode(), "sha256").hex()
        credential = f"{self._keys.access_key_id}/{self._scope}"
        said = f"{_ALGORITHM} Credential={credential}, SignedHeaders={self._names}, Signature={signature}"
        made = ("X-Amz-Date", self._stamp), ("Authorization", said)
        token = self._keys.session_token
        return (*made, ("X-Amz-Security-Token", token)) if token else made

    def _begin(self, second: int) -> None:
        """Another second; now and then another day, for which the key is derived."""
        self._second, self._stamp = second, stamp(second)
        day = self._stamp[:8]
        if day != self._day:
            key = f"AWS4{self._keys.secret_access_key}".encode()
            for part in (day, *self._place):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._key, self._scope = day, key, "/".join((day, *self._place))

    def _look_at(self, request: Request) -> None:
        """What of the text to be signed stands before the time, and behind it."""
        found = {name.lower(): " ".join(value.split()) for name, value in request.headers}
        own_host, path, query = _parts(request.url)
        host, content_type = found.get("host", own_host), found.get("content-type", "")
        names, before, behind = "host;x-amz-date", f"host:{host}\nx-amz-date:", "\n"
        if content_type:
            names, before = f"content-type;{names}", f"content-type:{content_type}\n{before}"
        if token := self._keys.session_token:
            names, behind = f"{names};x-amz-security-token", f"\nx-amz-security-token:{token}\n"
        self._before = f"{request.method}\n{path}\n{query}\n{before}"
        self._behind, self._names = f"{behind}\n{names}\n", names
        self._headers, self._asked = request.headers, (request.method, request.url)


def _parts(url: str) -> tuple[str, str, str]:
    """Host, path and query as they are signed."""
    host, slash, rest = url.partition("://")[2].partition("/")
    path, _, query = f"{slash}{rest}".partition("?")
    pairs = sorted(map(_pair, filter(None, query.split("&"))))
    if "//" in path or "/." in path:
        path = _normal(path)
    return host, quote(path, safe=_SAFE), "&".join([f"{name}={value}" for name, value in pairs])


def _normal(path: str) -> str:
    """A path without empty segments and `.`, and without what `..` leaves."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def _pair(text: str) -> tuple[str, str]:
    """A parameter encoded as AWS reads it."""
    name, _, value = text.partition("=")
    return _encoded(name), _encoded(value)


def _encoded(text: str) -> str:
    """What is encoded stays so, in upper case; all else that is not unreserved becomes it."""
    if text.isalnum() and text.isascii():
        return text
    found, at = [], 0
    for code in _CODE.finditer(text):
        found += [quote(text[at : code.start()], safe="-_.~"), code[0].upper()]
        at = code.end()
    return "".join(found) + quote(text[at:], safe="-_.~")
