"""AWS's credentials for a while: what the platform answers that gives them.

Promise: of an answer nothing is repeated but AWS's own code of an error; whatever is answered is credentials
that can be used, or a few words why there are none. Times are seconds.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

import re
from html import unescape
from typing import NamedTuple

import msgspec

from processor.core.services.civil import moment
from processor.core.services.sigv4 import AwsKeys
from processor.core.services.token import Refused

_VISIBLE = re.compile("[!-~]{1,16384}")
_CODE = re.compile("<Code>([A-Za-z]{1,64})</Code>")
_WORD = re.compile("[A-Za-z]{1,64}")
_LEAST_LIFE = 1.0
_EXPIRED = (b"ExpiredToken", b"The security token included in the request is expired")


class AwsGranted(NamedTuple):
    """Keys, and for how long they are good."""

    keys: AwsKeys
    life: float


class _Container(msgspec.Struct, rename="pascal"):
    access_key_id: str
    secret_access_key: str
    token: str
    expiration: str


class _Fault(msgspec.Struct):
    code: str


_CONTAINER, _FAULT = msgspec.json.Decoder(_Container), msgspec.json.Decoder(_Fault)
_WRONG = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def of_sts(status: int, body: bytes, now: float) -> AwsGranted | Refused:
    """What STS answers, in XML; `now` is the time as a timestamp."""
    text = body.decode(errors="replace")
    if status != 200:
        code = _CODE.search(text)
        return Refused(f"status {status}{', ' + code[1] if code else ''}")
    keys = AwsKeys(*(_element(text, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")))
    return _granted(keys, _element(text, "Expiration"), now)


def of_container(status: int, body: bytes, now: float) -> AwsGranted | Refused:
    """What the endpoint of a container answers, in JSON."""
    if status != 200:
        return Refused(f"status {status}{_code(body)}")
    try:
        said = _CONTAINER.decode(body)
    except _WRONG:
        return Refused("status 200 with something else than credentials")
    keys = AwsKeys(said.access_key_id, said.secret_access_key, said.token)
    return _granted(keys, said.expiration, now)


def is_expired(status: int, body: bytes) -> bool:
    """Whether an answer refuses credentials because they are over, as AWS says it with 403."""
    return status == 403 and any(sign in body for sign in _EXPIRED)


def _granted(keys: AwsKeys, expiration: str, now: float) -> AwsGranted | Refused:
    ends_at = moment(expiration)
    if ends_at is None or not all(map(_VISIBLE.fullmatch, keys)):
        return Refused("status 200 with something else than credentials")
    return AwsGranted(keys, max(_LEAST_LIFE, ends_at - now))


def _element(text: str, name: str) -> str:
    """What stands in the first element of that name; empty where there is none."""
    _, begin, rest = text.partition(f"<{name}>")
    content, end, _ = rest.partition(f"</{name}>")
    return unescape(content).strip() if begin and end else ""


def _code(body: bytes) -> str:
    try:
        code = _FAULT.decode(body).code
    except _WRONG:
        return ""
    return f", {code}" if _WORD.fullmatch(code) else ""
