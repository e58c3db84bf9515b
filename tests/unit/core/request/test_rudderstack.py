"""RudderStack's webhook destination, case by case: the same, or a difference that `docs/requests.md` names.

`rudder.json` holds what it sends. The last of its integrations is ours to decide: it knows one name of the
destination, its documentation another.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from processor.core.request.filters import FilterPolicy, Integrations
from processor.core.request.transform import Method, RequestPolicy
from processor.errors import EventError
from processor.model import Request
from processor.traffic.preparation import Preparation, Skipped
from tests.support.builders import prepared as result_of

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "rudder.json").read_text(encoding="utf-8"))
CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in VECTORS["webhook"]}
PAGE = (Path(__file__).parents[4] / "docs" / "requests.md").read_text(encoding="utf-8")

Observed = dict[str, Any]


def but(**members: Any) -> Any:
    """What RudderStack sends, these members aside."""
    return lambda expect: {**expect, **members}


BY_CHOICE: dict[str, tuple[str, Any]] = {
    "header is a list": ("`header` that is no object", but(headers={"content-type": "application/json"})),
    "fullPath empty text": ("`fullPath` that is empty", but(url="https://hooks.example/in")),
    "event names another host": (
        "an event that names another host",
        lambda _: {"error": "endpoint_not_allowed"},
    ),
    "GET, properties null": ("nothing to put into a query", but(query=[])),
    "GET, identify without traits": ("nothing to put into a query", but(query=[])),
    "GET, null value": ("numbers and null in a query", but(query=[["a", "null"]])),
    "GET, large number": ("numbers and null in a query", but(query=[["a", "1609459200000"]])),
    "statusCode in the event": ("a member `statusCode`", lambda _: "sent whole"),
    "integrations All false": ("`integrations` that say no", lambda _: "sent whole"),
}
"""Cases that come out in another way here: the page's row, and what is made of what RudderStack does."""

REFUSED_AT_START = {
    "no url is a configuration error": "no URL",
    "a configured header with a template": "templates in settings",
}
"""Cases that are an error of the configuration here, or to be, and the page's row where there is one."""


def prepared(case: dict[str, Any], rule: Integrations) -> Observed:
    """What comes of a case, in its words."""
    config = case["config"]
    headers = tuple((pair["from"], pair["to"]) for pair in config.get("headers", ()))
    request = RequestPolicy(config["webhookUrl"], Method(config.get("webhookMethod") or "POST"), headers)
    try:
        made = result_of(Preparation(request, FilterPolicy(rule)), json.dumps(case["event"]).encode())
    except EventError as error:
        made = error
    if isinstance(made, EventError):
        return {"error": made.code}
    if isinstance(made, Skipped):
        return {"filtered": made.reason}
    return in_words(made if isinstance(made, Request) else made.request)


def in_words(request: Request) -> Observed:
    url, _, query = request.url.partition("?")
    sent = {name.lower(): value for name, value in request.headers if name != "User-Agent"}
    return {
        "method": request.method,
        "url": url,
        "query": sorted(map(list, parse_qsl(query, keep_blank_values=True))),
        "headers": sent,
        "body": None if request.body is None else json.loads(request.body),
    }


@pytest.mark.parametrize("name", sorted(CASES.keys() - BY_CHOICE.keys() - REFUSED_AT_START.keys()))
def test_an_event_becomes_the_request_that_rudderstack_sends(name: str) -> None:
    assert prepared(CASES[name], Integrations.NAMED) == CASES[name]["expect"]


@pytest.mark.parametrize("name", sorted(BY_CHOICE))
def test_what_differs_by_choice_differs_as_the_page_says(name: str) -> None:
    row, ours = BY_CHOICE[name]
    assert f"\n| {row} | " in PAGE
    case = CASES[name]
    observed, expected = prepared(case, Integrations.NAMED), ours(case["expect"])
    assert observed != case["expect"], "no difference any more"
    if expected == "sent whole":
        assert (observed["url"], observed["body"]) == (case["config"]["webhookUrl"], case["event"])
    else:
        assert observed == expected


@pytest.mark.parametrize("name", ["integrations All false", "integrations Webhook false"])
def test_by_its_whole_rule_nothing_is_sent_that_rudderstack_keeps_back(name: str) -> None:
    assert prepared(CASES[name], Integrations.ALL) == CASES[name]["expect"] == {"filtered": "integrations"}


@pytest.mark.parametrize("case", VECTORS["integrations"], ids=lambda case: json.dumps(case["integrations"]))
def test_by_its_whole_rule_an_event_goes_where_rudderstack_sends_it(case: dict[str, Any]) -> None:
    subject = {"event": {"integrations": case["integrations"]}, "config": {"webhookUrl": "https://h.example"}}
    is_our_name = "WEBHOOK" in json.dumps(case["integrations"])
    assert ("filtered" not in prepared(subject, Integrations.ALL)) == (case["send"] or is_our_name)
