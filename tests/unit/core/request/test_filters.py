"""An event that says no to this destination is kept back, and no other."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.events import Event, parse
from processor.core.request.filters import Integrations, keeps_back
from processor.errors import EventError

NAMED, ALL, OFF = Integrations.NAMED, Integrations.ALL, Integrations.OFF
ABSENT = object()


def kept_back(integrations: Any) -> list[Integrations]:
    """The rules by which an event is."""
    subject = {} if integrations is ABSENT else {"integrations": integrations}
    return [rule for rule in Integrations if keeps_back(rule, parse(json.dumps(subject).encode()))]


@pytest.mark.parametrize(
    ("integrations", "by"),
    [
        (ABSENT, []),
        ({}, []),
        ({"All": True}, []),
        ({"All": True, "Webhook": False}, [NAMED, ALL]),
        ({"Webhook": False}, [NAMED, ALL]),
        ({"WEBHOOK": False}, [NAMED, ALL]),
        ({"All": False}, [ALL]),
        ({"All": False, "Webhook": True}, []),
        ({"All": False, "WEBHOOK": True}, []),
        ({"All": False, "Webhook": {"appendPath": "/x"}}, []),
        ({"All": False, "Webhook": {}}, []),
        ({"All": True, "Webhook": None}, []),
        ({"All": False, "Webhook": None}, [ALL]),
        ({"All": False, "Webhook": 1}, [ALL]),
        ({"All": False, "Webhook": ["x"]}, [ALL]),
        ({"All": True, "Webhook": 0}, []),
        ({"All": True, "Webhook": ""}, []),
        ({"All": "true", "Webhook": True}, [ALL]),
        ({"All": None, "Webhook": True}, [ALL]),
        ({"All": 1}, [ALL]),
        ({"All": {}}, [ALL]),
        ({"all": False, "webhook": False, "WebHook": False, "Webhooks": False}, []),
        ({"Google Analytics": False}, []),
        ({"Webhook": {"a": False}}, []),
        ({"Webhook": None, "WEBHOOK": False}, [NAMED]),
        (None, [ALL]),
        (True, [ALL]),
        (False, [ALL]),
        ("Webhook", [ALL]),
        ([], [ALL]),
        ([{"Webhook": False, "padding": "so that it is looked into"}], [ALL]),
        (0, [ALL]),
    ],
)
def test_an_event_is_kept_back_by_what_its_integrations_say(
    integrations: Any, by: list[Integrations]
) -> None:
    assert kept_back(integrations) == by


@pytest.mark.parametrize(
    "written",
    [
        b'{"Webhook":false}',
        b' { "Webhook" : false } ',
        b'{"\\u0057ebhook":false}',
        b'{"Webhook":true,"Webhook":false}',
        b'{"x":"\\ud83d","Webhook":false}',
    ],
)
def test_a_no_is_read_however_it_is_written(written: bytes) -> None:
    subject = parse(b'{"integrations":%b}' % written)
    assert [keeps_back(rule, subject) for rule in Integrations] == [True, True, False]


def test_integrations_that_are_too_deep_are_refused_and_nothing_else() -> None:
    deep = b'{"a":' * 100_000 + b"false" + b"}" * 100_000
    subject = Event(b"", {"integrations": msgspec.Raw(deep)}, b"")
    for rule in (NAMED, ALL):
        with pytest.raises(EventError, match="invalid_event: nested deeper than"):
            keeps_back(rule, subject)


answers: st.SearchStrategy[Any] = st.sampled_from([None, True, False, -1, 0, 1, "", "x", {}, []])


def by_the_rule(said: Any) -> bool:
    """RudderStack's rule in its own steps: whether it is sent."""
    if not isinstance(said, dict) or not isinstance(said.get("All", True), bool):
        return False
    mine = next((said[name] for name in ("Webhook", "WEBHOOK") if name in said), None)
    if isinstance(mine, bool):
        return mine
    return isinstance(mine, dict) or bool(said.get("All", True))


@given(st.dictionaries(st.sampled_from(["All", "Webhook", "WEBHOOK", "webhook", "S3"]), answers) | answers)
def test_the_whole_rule_is_rudderstacks_and_the_one_by_name_follows_a_plain_no_alone(said: Any) -> None:
    is_refused = isinstance(said, dict) and any(said.get(name) is False for name in ("Webhook", "WEBHOOK"))
    assert (ALL in kept_back(said)) == (not by_the_rule(said))
    assert (NAMED in kept_back(said)) == is_refused
    assert OFF not in kept_back(said)
