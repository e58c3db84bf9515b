"""What odd answers are put together from: for each part of an answer its names, the usual one first.

Lines end in CRLF here, whatever an answer makes of them. `said` stands for four digits that an answer
of its own has in their place.
"""

import gzip
from collections.abc import Mapping
from typing import NamedTuple

KIB = 1024
LIMIT = 64 * KIB
FIELD_LIMIT = 8190
"""What aiohttp takes of a header or status line; of headers it takes 128."""


class Body(NamedTuple):
    """How a body is announced and what is sent behind the head."""

    headers: bytes
    sent: bytes


def lines(*fields: bytes) -> bytes:
    """Header lines."""
    return b"".join(field + b"\r\n" for field in fields)


def _long(length: int, sent: bytes, *more: bytes) -> Body:
    return Body(lines(b"Content-Length: %d" % length, *more), sent)


def _says(value: bytes, sent: bytes = b"said") -> Body:
    """A length written like this."""
    return Body(lines(b"Content-Length:" + value), sent)


def _chunked(sent: bytes, *more: bytes) -> Body:
    return Body(lines(b"Transfer-Encoding: chunked", *more), sent)


def _coded(coding: bytes, sent: bytes = b"4\r\nsaid\r\n0\r\n\r\n") -> Body:
    return Body(lines(b"Transfer-Encoding: " + coding), sent)


LINES: Mapping[str, bytes] = {
    "usual line": b"HTTP/1.1 %s OK",
    "no phrase": b"HTTP/1.1 %s",
    "no phrase but a space": b"HTTP/1.1 %s ",
    "phrase of many words": b"HTTP/1.1 %s Well: this/that, (so) \t to say",
    "phrase in UTF-8": "HTTP/1.1 %s Schön ✓".encode(),
    "phrase in Latin-1": b"HTTP/1.1 %s Sch\xf6n",
    "phrase of 8000": b"HTTP/1.1 %s " + b"a" * 8000,
    "phrase of 9000": b"HTTP/1.1 %s " + b"a" * 9000,
    "phrase with a zero": b"HTTP/1.1 %s O\0K",
    "phrase with a control character": b"HTTP/1.1 %s O\x01K",
    "phrase with a lone CR": b"HTTP/1.1 %s O\rK",
    "HTTP/1.0": b"HTTP/1.0 %s OK",
    "HTTP/0.9": b"HTTP/0.9 %s OK",
    "HTTP/1.2": b"HTTP/1.2 %s OK",
    "HTTP/2": b"HTTP/2 %s",
    "HTTP/2.0": b"HTTP/2.0 %s OK",
    "HTTP/1.10": b"HTTP/1.10 %s OK",
    "HTTP/1": b"HTTP/1 %s OK",
    "lower-case http": b"http/1.1 %s OK",
    "another protocol": b"ICY %s OK",
    "no protocol": b"%s OK",
    "two spaces": b"HTTP/1.1  %s OK",
    "a space before": b" HTTP/1.1 %s OK",
    "a tab for a space": b"HTTP/1.1\t%s OK",
    "status and phrase in one": b"HTTP/1.1 %sOK",
    "text": b"said %s",
}

STATUSES: tuple[str, ...] = (
    *("200", "100", "101", "102", "103", "150", "199", "201", "202", "203", "204", "205", "206", "207"),
    *("226", "250", "299", "300", "301", "302", "303", "304", "305", "307", "308", "399", "400", "401"),
    *("403", "404", "405", "408", "409", "410", "413", "417", "421", "422", "425", "426", "429", "431"),
    *("451", "499", "500", "501", "502", "503", "504", "505", "511", "520", "599"),
    *("600", "666", "999", "000", "099", "20", "2", "1000", "0200", "2e2", "+200", "-200", "", "2 00"),
)

BEFORE: Mapping[str, bytes] = {
    "nothing before": b"",
    "100 before": b"HTTP/1.1 100 Continue\r\n\r\n",
    "102 before": b"HTTP/1.1 102 Processing\r\n\r\n",
    "103 before": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nRetry-After: 77\r\n\r\n",
    "199 before": b"HTTP/1.1 199 Odd\r\n\r\n",
    "many interim answers before": b"HTTP/1.1 100 Continue\r\n\r\n" * 5 + b"HTTP/1.1 103 Hint\r\n\r\n" * 5,
    "100 without a phrase before": b"HTTP/1.1 100\r\n\r\n",
    "100 of HTTP/1.0 before": b"HTTP/1.0 100 Continue\r\n\r\n",
    "100 that closes before": b"HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n",
    "100 of length 0 before": b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
    "100 of length 4 before": b"HTTP/1.1 100 Continue\r\nContent-Length: 4\r\n\r\n",
    "100 in chunks before": b"HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n",
    "100 cut off before": b"HTTP/1.1 100 Continue\r\n",
    "an empty line before": b"\r\n",
    "empty lines before": b"\r\n\r\n\r\n",
    "an empty line of LF before": b"\n",
    "a letter before": b"x",
}

CONNECTIONS: Mapping[str, bytes] = {
    "no word of the connection": b"",
    "close": lines(b"Connection: close"),
    "keep-alive": lines(b"Connection: keep-alive"),
    "Close": lines(b"connection: Close"),
    "close and more": lines(b"Connection: foo, close ,bar"),
    "keep-alive, close": lines(b"Connection: keep-alive, close"),
    "close, keep-alive": lines(b"Connection: close, keep-alive"),
    "close in a second line": lines(b"Connection: keep-alive", b"Connection: close"),
    "keep-alive in a second line": lines(b"Connection: close", b"Connection: keep-alive"),
    "an odd connection": lines(b"Connection: closed"),
    "an empty connection": lines(b"Connection:"),
    "upgrade": lines(b"Connection: upgrade", b"Upgrade: h2c"),
    "upgrade to websocket": lines(b"Connection: upgrade", b"Upgrade: websocket"),
    "upgrade without connection": lines(b"Upgrade: h2c"),
    "Proxy-Connection": lines(b"Proxy-Connection: close"),
    "Keep-Alive": lines(b"Keep-Alive: timeout=1, max=1"),
}

RETRIES: Mapping[str, bytes] = {
    "no Retry-After": b"",
    "seconds": lines(b"Retry-After: 120"),
    "a date": lines(b"Retry-After: Wed, 21 Oct 2026 07:28:00 GMT"),
    "in lower case": lines(b"retry-after: 1"),
    "empty": lines(b"Retry-After:"),
    "spaces around": lines(b"Retry-After: \t 7 \t "),
    "no space": lines(b"Retry-After:7"),
    "two of them": lines(b"Retry-After: 1", b"X: y", b"RETRY-AFTER: 2"),
    "of 127": lines(b"Retry-After: " + b"9" * 127),
    "of 128": lines(b"Retry-After: " + b"9" * 128),
    "of 129": lines(b"Retry-After: " + b"9" * 129),
    "of 8000": lines(b"Retry-After: " + b"9" * 8000),
    "in UTF-8": lines("Retry-After: später ✓".encode()),
    "in Latin-1": lines(b"Retry-After: sp\xe4ter"),
    "folded": b"Retry-After: 1\r\n 2\r\n",
    "with a tab": lines(b"Retry-After: 1\t2"),
    "negative": lines(b"Retry-After: -1"),
}

FIELDS: Mapping[str, bytes] = {
    "no more headers": b"",
    "usual headers": lines(b"Date: Wed, 21 Oct 2026 07:28:00 GMT", b"Server: x", b"Content-Type: text/plain"),
    "headers twice": lines(b"Server: a", b"Server: b", b"Content-Type: a/b", b"Content-Type: c/d"),
    "a folded header": b"X: a\r\n  b\r\n\tc\r\n",
    "a first header that is folded": b" X: a\r\n",
    "a space before the colon": lines(b"X : y"),
    "a tab before the colon": lines(b"X\t: y"),
    "no colon": lines(b"Xy"),
    "no name": lines(b": y"),
    "a name with a space": lines(b"X Y: z"),
    "a name in UTF-8": lines("Schön: y".encode()),
    "a name with an at": lines(b"X@Y: z"),
    "a value in UTF-8": lines("X: Schön ✓".encode()),
    "a value in Latin-1": lines(b"X: \xff\xfe"),
    "a value with a zero": lines(b"X: a\0b"),
    "a value with a control character": lines(b"X: a\x01b"),
    "a value with a DEL": lines(b"X: a\x7fb"),
    "a value with a lone CR": lines(b"X: a\rb"),
    "a line of LF": b"X: a\nY: b\r\n",
    "an empty value": lines(b"X:"),
    "a value of spaces": lines(b"X:   \t "),
    "100 headers": lines(b"X: y") * 100,
    "125 headers": lines(b"X: y") * 125,
    "129 headers": lines(b"X: y") * 129,
    "1000 headers": lines(b"X: y") * 1000,
    "a header just small enough": lines(b"X: " + b"y" * (FIELD_LIMIT - 1)),
    "a header just too large": lines(b"X: " + b"y" * FIELD_LIMIT),
    "a header much too large": lines(b"X: " + b"y" * 300_000),
    "a name just small enough": lines(b"X" * (FIELD_LIMIT - 1) + b": y"),
    "a name just too large": lines(b"X" * (FIELD_LIMIT + 1) + b": y"),
    "seven headers of 8000": lines(b"X: " + b"y" * 8000) * 7,
    "forty headers of 8000": lines(b"X: " + b"y" * 8000) * 40,
    "a cookie": lines(b"Set-Cookie: a=b; Path=/", b"Set-Cookie: \x80=;;;"),
    "a location": lines(b"Location: http://127.0.0.1:1/elsewhere"),
    "an old websocket": lines(b"Sec-WebSocket-Key1: x"),
    "an unknown content encoding": lines(b"Content-Encoding: snappy"),
    "a trailer announced": lines(b"Trailer: X"),
    "a challenge": lines(b"WWW-Authenticate: Digest realm=x, nonce=y, qop=auth"),
}

GZIPPED = gzip.compress(b"said" * 1000, mtime=0)
SAID = b"4\r\nsaid\r\n"
LAST = b"0\r\n\r\n"

BODIES: Mapping[str, Body] = {
    "a body of 4": _long(4, b"said"),
    "no body": _long(0, b""),
    "no length": Body(b"", b"said"),
    "no length, no body": Body(b"", b""),
    "a body of 1": _long(1, b"x"),
    "a body just below the limit": _long(LIMIT - 1, b"x" * (LIMIT - 1)),
    "a body of the limit": _long(LIMIT, b"x" * LIMIT),
    "a body just above the limit": _long(LIMIT + 1, b"x" * (LIMIT + 1)),
    "a body much above the limit": _long(1024 * KIB, b"x" * 1024 * KIB),
    "a body above the limit without length": Body(b"", b"x" * 3 * LIMIT),
    "a length too long": _long(9, b"said"),
    "a length too short": _long(2, b"said"),
    "a length of 0 and a body": _long(0, b"said"),
    "a length twice": _long(4, b"said", b"Content-Length: 4"),
    "two lengths": _long(4, b"said", b"Content-Length: 5"),
    "a length in a list": _says(b" 4, 4"),
    "a length with a plus": _says(b" +4"),
    "a negative length": _says(b" -4"),
    "a length with a space in it": _says(b" 0 4"),
    "a length with spaces": _says(b"\t 4 \t"),
    "a length in hex": _says(b" 0x4"),
    "a length with leading zeros": _says(b" 0000000004"),
    "a length with an underscore": _says(b" 0_4"),
    "a length with a full stop": _says(b" 4.0"),
    "a length in other digits": _says(" ٤".encode()),
    "an empty length": _says(b""),
    "a huge length": _says(b" 9223372036854775807"),
    "a length above 63 bits": _says(b" 9223372036854775808"),
    "a length of 64 bits": _says(b" 18446744073709551615"),
    "a length above 64 bits": _says(b" 18446744073709551620"),
    "a length of many digits": _says(b" " + b"9" * 40),
    "a folded length": _says(b"\r\n 4"),
    "chunks": _chunked(b"2\r\nok\r\n3\r\nay!\r\n" + LAST),
    "no chunk": _chunked(LAST),
    "a chunk": _chunked(SAID + LAST),
    "chunks of 1": _chunked(b"1\r\nx\r\n" * 100 + LAST),
    "chunks of the limit": _chunked(b"10000\r\n" + b"x" * LIMIT + b"\r\n" + LAST),
    "chunks above the limit": _chunked((b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 5 + LAST),
    "a chunk in upper case": _chunked(b"A\r\n" + b"x" * 10 + b"\r\n" + LAST),
    "a chunk in lower case": _chunked(b"a\r\n" + b"x" * 10 + b"\r\n" + LAST),
    "leading zeros of a chunk": _chunked(b"00000004\r\nsaid\r\n000\r\n\r\n"),
    "many leading zeros of a chunk": _chunked(b"0" * 40 + SAID + LAST),
    "a chunk extension": _chunked(b"4;a=b\r\nsaid\r\n0;c\r\n\r\n"),
    "a quoted chunk extension": _chunked(b'4;a="b;c\\"d"\r\nsaid\r\n' + LAST),
    "a long chunk extension": _chunked(b"4;" + b"a" * 20_000 + b"\r\nsaid\r\n" + LAST),
    "a broken chunk extension": _chunked(b"4;a=\x01\r\nsaid\r\n" + LAST),
    "a space behind a chunk size": _chunked(b"4 \r\nsaid\r\n" + LAST),
    "a space before a chunk size": _chunked(b" " + SAID + LAST),
    "a chunk size in hex notation": _chunked(b"0x4\r\nsaid\r\n" + LAST),
    "a negative chunk size": _chunked(b"-4\r\nsaid\r\n" + LAST),
    "an empty chunk size": _chunked(b"\r\nsaid\r\n" + LAST),
    "a broken chunk size": _chunked(SAID + b"ZZ\r\nsaid\r\n" + LAST),
    "a huge chunk size": _chunked(b"FFFFFFFFFFFFFFFFF\r\nsaid\r\n" + LAST),
    "a chunk size too short": _chunked(b"2\r\nsaid\r\n" + LAST),
    "a chunk size too long": _chunked(b"8\r\nsaid\r\n" + LAST),
    "no last chunk": _chunked(SAID),
    "no end behind the last chunk": _chunked(SAID + b"0\r\n"),
    "chunks of LF": _chunked(b"4\nsaid\n0\n\n"),
    "a chunk that ends in LF": _chunked(b"4\r\nsaid\n" + LAST),
    "a chunk without end": _chunked(b"4\r\nsaid0\r\n\r\n"),
    "trailers": _chunked(SAID + b"0\r\nX: y\r\nRetry-After: 66\r\n\r\n"),
    "a broken trailer": _chunked(SAID + b"0\r\nX y\r\n\r\n"),
    "a trailer too large": _chunked(SAID + b"0\r\nX: " + b"y" * 20_000 + b"\r\n\r\n"),
    "200 trailers": _chunked(SAID + b"0\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
    "chunks and a length": _chunked(SAID + LAST, b"Content-Length: 4"),
    "a length and chunks": _long(4, SAID + LAST, b"Transfer-Encoding: chunked"),
    "coded gzip, chunked": _coded(b"gzip, chunked"),
    "coded chunked, gzip": _coded(b"chunked, gzip"),
    "coded gzip": _coded(b"gzip", GZIPPED),
    "coded identity": _coded(b"identity", b"said"),
    "coded identity and a length": _long(4, b"said", b"Transfer-Encoding: identity"),
    "coded in an unknown way": _coded(b"foo", b"said"),
    "coded in an empty way": _coded(b""),
    "coded Chunked": _coded(b"Chunked"),
    "coded chunked twice": _coded(b"chunked, chunked"),
    "coded in two lines": _coded(b"gzip\r\nTransfer-Encoding: chunked"),
    "coded chunked in two lines": _coded(b"chunked\r\nTransfer-Encoding: chunked"),
    "coded xchunked": _coded(b"xchunked"),
    "coded chunked with a parameter": _coded(b"chunked;q=1"),
    "gzipped": _long(len(GZIPPED), GZIPPED, b"Content-Encoding: gzip"),
    "gzipped but broken": _long(4, b"said", b"Content-Encoding: gzip"),
    "deflated, in chunks": _chunked(SAID + LAST, b"Content-Encoding: deflate"),
}

ENDS: Mapping[str, bytes] = {
    "CRLF": b"\r\n",
    "LF": b"\n",
    "CR": b"\r",
    "CR CR LF": b"\r\r\n",
    "space CRLF": b" \r\n",
}
"""What ends the lines of a head."""
