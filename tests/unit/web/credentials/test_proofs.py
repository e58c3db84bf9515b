"""What `preview` shows of who we are: tokens and keys masked, logins and signatures as they are sent."""

import calendar
import json
import time
from pathlib import Path
from typing import Any

import pytest

from processor.config.destination.auth import AuthSettings
from processor.model import Request
from processor.web.credentials.proofs import shown

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "signing.json").read_text(encoding="utf-8"))
CASES = [each for each in VECTORS["vectors"] if each["scheme"] in ("aws-sigv4", "basic")]
REQUEST = Request("POST", "https://h.example/p?a=1", (("Content-Type", "application/json"),), b"{}")
KEY = {"type": "api_key", "name": "X-Key", "value": "hunter2"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_can_be_compared_is_shown_as_it_is_sent(case: dict[str, Any]) -> None:
    given, request, at = case["given"], REQUEST, 0.0
    names = ("username", "password", "region", "service", "access_key_id", "secret_access_key")
    auth = {name: given[name] for name in (*names, "session_token") if given.get(name)}
    if case["scheme"] == "aws-sigv4":
        body = None if given["body"] is None else given["body"].encode()
        request = Request(given["method"], given["url"], tuple(given["headers"].items()), body)
        at = float(calendar.timegm(time.strptime(given["time"], "%Y%m%dT%H%M%SZ")))
    kind = case["scheme"].replace("-", "_")
    made = shown(AuthSettings.model_validate({"type": kind, **auth}), request, at)
    headers = dict((*made.headers, *made.attempt_headers))
    assert {name: headers[name] for name in case["expected_headers"]} == case["expected_headers"]


@pytest.mark.parametrize(
    ("auth", "url", "header"),
    [
        ({"type": "bearer", "token": "hunter2"}, REQUEST.url, ("Authorization", "Bearer ‹token›")),
        ({"type": "oauth2"}, REQUEST.url, ("Authorization", "Bearer ‹token›")),
        (KEY, REQUEST.url, ("X-Key", "‹token›")),
        ({**KEY, "in": "query"}, f"{REQUEST.url}&X-Key=‹token›", None),
        ({"type": "aws_sigv4", "region": "r", "service": "s"}, REQUEST.url, ("Authorization", "‹token›")),
    ],
)
def test_a_token_is_masked(auth: dict[str, Any], url: str, header: tuple[str, str] | None) -> None:
    made = shown(AuthSettings.model_validate(auth), REQUEST, 0.0)
    assert made.url == url
    assert made.headers == (*REQUEST.headers, *([header] if header else ()))
    assert "hunter2" not in f"{made.url}{made.headers}{made.attempt_headers}"


def test_an_event_that_says_itself_who_sends_is_shown_so() -> None:
    own = REQUEST._replace(headers=(("Authorization", "mine"),))
    auth = AuthSettings.model_validate({"type": "bearer", "token": "a", "event_may_override": True})
    assert shown(auth, own, 0.0) == own
