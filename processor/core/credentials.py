"""Credentials: what in a configuration is one, and the parts of it that are secret by themselves.

Promise: a header or URL that services use to tell who calls is taken for a secret by its looks; a
plain word such as `X-Source: events` is not.
"""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from urllib.parse import unquote

HEADER_NAMES = (
    r"(?i)authori[sz]ation|authenticat|auth([-_0-9]|$)|token|secret|passw|passphrase|cookie|credential"
    r"|signature|jwt|session|(^|[-_])(api|access|auth|private|subscription|functions)?[-_]?key([-_]|$)"
)
"""Names of headers whose values are secrets; as a pattern that also Helm can read (RE2)."""
HEADER_VALUES = r"(?i)^\s*(bearer|basic|token|digest|apikey)\s+\S"
OPTION_NAMES = "password|passphrase|secret|token|jaas|key.pem"
"""Names of librdkafka's options whose values are secrets, but for those that end in `.url`."""
URL_HOSTS = (
    r"(?i)^https?://([^/?#@:]*\.)?(hooks\.slack\.com|discord(app)?\.com|webhook\.office\.com"
    r"|logic\.azure\.com|chat\.googleapis\.com|hooks\.zapier\.com|maker\.ifttt\.com)(:[0-9]+)?/"
)
"""URLs of services that let in everybody who knows the path."""
URL_PARAMETERS = r"(?i)[?&](sig|key|code|[^=&#]*(token|secret|passw|signature|api.?key|auth)[^=&#]*)=[^&#]"
URL_UUID = r"(?i)[/=][0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}"
LONG_RUN = r"[A-Za-z0-9]{20,}"
"""Where such a run of a path or query has a digit in it, no person has made it up."""

_SHORTEST_PART = 3
"""Characters from which the value of a parameter inside a header is a secret by itself."""
_SHORTEST_SEGMENT = 16
"""Characters from which a segment of a secret path is one."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\s+(?P<credential>\S.*)", re.DOTALL)
_HEADER, _VALUE = re.compile(HEADER_NAMES), re.compile(HEADER_VALUES)
_OPTION = re.compile(OPTION_NAMES)
_URLS = tuple(map(re.compile, (URL_HOSTS, URL_PARAMETERS, URL_UUID)))
_RUN = re.compile(LONG_RUN)


def is_secret_header(name: str, value: str = "") -> bool:
    """Whether a header is a credential by its name, or by what its value begins with."""
    return bool(_HEADER.search(name) or _VALUE.match(value))


def is_secret_option(name: str) -> bool:
    """Whether an option of the Kafka client is a credential."""
    return bool(_OPTION.search(name)) and not name.endswith(".url")


def is_secret_url(url: str) -> bool:
    """Whether whoever knows a URL may use it: a service's that asks for nothing else, or one like it."""
    target = _target(url)
    return any(each.search(url) for each in _URLS) or any(
        any(map(str.isdigit, run)) for run in _RUN.findall(target)
    )


def parts(value: str) -> Iterator[str]:
    """A secret header's value, and what in it is secret by itself.

    That is the credential behind the scheme (`Bearer …`), the values of parameters and cookies
    (`Token token=…`, `a=b; c=d`), and what Base64 hides: of `user:password` the password too.
    """
    value = value.strip()
    yield value
    behind = _SCHEME.fullmatch(value)
    credential = behind["credential"] if behind else value
    is_one_word = not re.search(r"\s", credential)
    if is_one_word:
        yield credential
        yield from _hidden(credential)
        if behind and ":" in credential:
            yield credential.partition(":")[2]
    for piece in re.split(r"[;,&\s]+", credential):
        name, _, text = piece.partition("=")
        text = text.strip("\"'")
        if name and len(text) >= _SHORTEST_PART:
            yield text


def parts_of_url(url: str) -> Iterator[str]:
    """What in a secret URL is secret by itself: path, query, long segments, values of parameters."""
    path, _, query = _target(url).partition("?")
    if path.strip("/"):
        yield path
        yield path.rstrip("/")
    if query:
        yield f"{path}?{query}"
        yield query
    yield from (each for each in path.split("/") if len(each) >= _SHORTEST_SEGMENT)
    for pair in query.split("&"):
        text = pair.partition("=")[2]
        if len(text) >= _SHORTEST_PART:
            yield text
            yield unquote(text)


def _target(url: str) -> str:
    """Path and query."""
    return "/" + url.partition("#")[0].partition("://")[2].partition("/")[2]


def _hidden(credential: str) -> Iterator[str]:
    """`user:password` in Base64, and the password."""
    digits = credential.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        text = b64decode(digits + "=" * (-len(digits) % 4), validate=True).decode()
    except (Error, ValueError):
        return
    _, colon, password = text.partition(":")
    if colon and text.isprintable():
        yield text
        yield password
