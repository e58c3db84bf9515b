"""Signatures of AWS, compared with published ones and with botocore's."""

import calendar
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote

import pytest
from botocore import auth, awsrequest, credentials
from hypothesis import given
from hypothesis import strategies as st

from processor.core.services.sigv4 import AwsKeys, Sigv4
from processor.model import Request

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "signing.json").read_text(encoding="utf-8"))
CASES = [each for each in VECTORS["vectors"] if each["scheme"] == "aws-sigv4"]
KEYS = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
texts = st.text("aZ0-_.~ /+&=?%ü€,:!'*", max_size=8)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_published_case_is_signed_as_it_says(case: dict[str, Any]) -> None:
    given = case["given"]
    keys = AwsKeys(given["access_key_id"], given["secret_access_key"], given["session_token"] or "")
    body = None if given["body"] is None else given["body"].encode()
    request = Request(given["method"], given["url"], tuple(given["headers"].items()), body)
    at = calendar.timegm(time.strptime(given["time"], "%Y%m%dT%H%M%SZ"))
    assert dict(Sigv4(given["region"], given["service"], keys).made(request, at)) == case["expected_headers"]


def oracle(request: Request, at: float, keys: AwsKeys) -> dict[str, str]:
    """What botocore makes of it; a clock is no argument of it."""
    asked = awsrequest.AWSRequest(request.method, request.url, data=request.body or b"")
    kept = {name: value for name, value in request.headers if name.lower() in ("content-type", "host")}
    for name, value in kept.items():
        asked.headers[name] = value
    signer = auth.SigV4Auth(
        credentials.Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token or None),
        "execute-api",
        "eu-west-1",
    )
    moment = datetime.fromtimestamp(int(at), UTC).replace(tzinfo=None)
    with mock.patch.object(auth, "get_current_datetime", return_value=moment):
        signer.add_auth(asked)
    made = {name.lower(): value for name, value in asked.headers.items()}
    return {name: made[name] for name in made if name == "authorization" or name.startswith("x-amz")}


@given(
    st.sampled_from(("GET", "POST", "PUT")),
    st.lists(texts, max_size=3),
    st.lists(st.tuples(texts.filter(bool), texts), max_size=4),
    st.binary(max_size=40),
    st.floats(0, 4e9),
    st.booleans(),
)
def test_whatever_is_sent_is_signed_as_botocore_signs_it(
    method: str, path: list[str], query: list[tuple[str, str]], body: bytes, at: float, has_token: bool
) -> None:
    keys = KEYS._replace(session_token="t0ken==") if has_token else KEYS
    pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    root = "https://abc.execute-api.eu-west-1.amazonaws.com/prod"
    url = root + "".join(f"/{quote(each, safe='')}" for each in path) + (pairs and f"?{pairs}")
    request = Request(method, url, (("Content-Type", "application/json;  x=1"), ("User-Agent", "x")), body)
    made = {name.lower(): value for name, value in Sigv4("eu-west-1", "execute-api", keys).made(request, at)}
    assert made == oracle(request, at, keys)


def test_a_key_is_that_of_its_day_and_a_second_request_is_signed_as_the_first_would_be() -> None:
    first = Request("POST", "https://h.example/a?b", (("Host", "other.example"),), b"1")
    second = Request("PUT", "https://h.example/a?b", first.headers, b"2")
    signer = Sigv4("r", "s", KEYS)
    for request, at in (
        (first, 0.0),
        (second, 0.5),
        (second, 5.0),
        (first, 86_400.0),
        (second, 86_400.0),
        (first, 0.0),
    ):
        assert signer.made(request, at) == Sigv4("r", "s", KEYS).made(request, at)


@pytest.mark.parametrize("path", ["/a/../b/./c//", "/..", "//", "/a//b"])
def test_a_path_is_signed_as_aws_normalizes_it(path: str) -> None:
    request = Request("GET", f"https://abc.execute-api.eu-west-1.amazonaws.com{path}", (), None)
    made = {name.lower(): value for name, value in Sigv4("eu-west-1", "execute-api", KEYS).made(request, 0.0)}
    assert made == oracle(request, 0.0, KEYS)


def test_what_is_not_encoded_is_signed_as_aws_reads_it() -> None:
    plain = Request("GET", "https://h.example/?b=a,b&a=%c3%a4&c", (), None)
    coded = Request("GET", "https://h.example/?a=%C3%A4&b=a%2Cb&c=", (), None)
    assert Sigv4("r", "s", KEYS).made(plain, 0.0) == Sigv4("r", "s", KEYS).made(coded, 0.0)
