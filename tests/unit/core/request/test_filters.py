"""An event that says no to this destination is kept back, and no other."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.events import Event, parse
from processor.core.request.filters import (
    Consent,
    ConsentPolicy,
    FilterPolicy,
    Integrations,
    Selection,
    is_denied,
    keeps_back,
)
from processor.errors import EventError
from tests.support.builders import VOCABULARY, record, scope

NAMED, ALL, OFF = Integrations.NAMED, Integrations.ALL, Integrations.OFF
ABSENT = object()
VECTORS = Path(__file__).parents[3] / "vectors" / "rudder_http.json"
CONSENTS = json.loads(VECTORS.read_text(encoding="utf-8"))["consent"]


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


def left_out(policy: FilterPolicy, value: Any) -> str:
    """Why an event is, or ""."""
    selection = Selection.by(policy, VOCABULARY)
    assert selection is not None
    return selection.leaves_out(scope(parse(json.dumps(value).encode()), record()))


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "track"}, ""),
        ({"type": "page"}, "filter"),
        ({"type": 1}, "filter"),
        ({"type": None}, "filter"),
        ({}, "filter"),
    ],
)
def test_events_of_other_types_are_left_out(event: Any, reason: str) -> None:
    assert left_out(FilterPolicy(types=("track", "identify")), event) == reason


@pytest.mark.parametrize(
    ("event", "allowed", "denied"),
    [
        ({"type": "track", "event": "A"}, "", "filter"),
        ({"type": "track", "event": " A "}, "", "filter"),
        ({"event": "A"}, "", "filter"),
        ({"type": "track", "event": "a"}, "filter", ""),
        ({"event": "B"}, "filter", ""),
        ({"type": "identify", "event": "B"}, "", ""),
        ({"type": "page", "event": "A"}, "", ""),
        ({"type": "track", "event": " "}, "", ""),
        ({"type": "track", "event": 5}, "", ""),
        ({"type": "track"}, "", ""),
    ],
)
def test_track_events_are_judged_by_their_names(event: Any, allowed: str, denied: str) -> None:
    assert left_out(FilterPolicy(allowed_events=("A ",)), event) == allowed
    assert left_out(FilterPolicy(denied_events=(" A",)), event) == denied


def test_a_condition_leaves_out_what_it_is_not_true_for() -> None:
    policy = FilterPolicy(when="event.a == 1")
    assert (left_out(policy, {"a": 1}), left_out(policy, {"a": 2})) == ("", "filter")
    with pytest.raises(EventError, match=r"`event\.a` is not there"):
        left_out(policy, {"b": 1})


def test_without_a_rule_there_is_no_selection() -> None:
    assert Selection.by(FilterPolicy(Integrations.ALL, skip_tombstones=False), VOCABULARY) is None


def consent_of(said: dict[str, Any]) -> ConsentPolicy:
    """RudderStack's settings of a destination."""
    providers = {
        each["provider"]: Consent(
            tuple(item["consent"] for item in each["consents"]), each["resolutionStrategy"] == "or"
        )
        for each in said.get("consentManagement", ())
    }
    categories = (each["oneTrustCookieCategory"] for each in said.get("oneTrustCookieCategories", ()))
    purposes = (each["purpose"] for each in said.get("ketchConsentPurposes", ()))
    return ConsentPolicy(providers, tuple(categories), tuple(purposes))


@pytest.mark.parametrize("case", CONSENTS, ids=lambda case: case["note"])
def test_a_consent_that_is_denied_keeps_an_event_back_as_at_rudderstack(case: dict[str, Any]) -> None:
    value = {"context": {"consentManagement": case["context.consentManagement"]}}
    reason = left_out(FilterPolicy(consent=consent_of(case["destination"])), value)
    assert reason == ("" if case["send"] else "consent")


@pytest.mark.parametrize(
    ("said", "denied"),
    [
        ({"provider": "custom", "deniedConsentIds": ["A"]}, True),
        ({"provider": "ketch", "deniedConsentIds": ["P", "Q"]}, True),
        ({"deniedConsentIds": ["P", "Q"]}, True),
        ({"deniedConsentIds": ["C"]}, True),
        ({"provider": "oneTrust", "deniedConsentIds": ["C"]}, True),
        ({"provider": "other", "deniedConsentIds": ["C", "P", "Q"]}, False),
        ({"provider": 5, "deniedConsentIds": ["C"]}, False),
        ({"provider": "custom", "deniedConsentIds": "A"}, False),
        ({"provider": "custom", "deniedConsentIds": [5]}, False),
    ],
)
def test_a_consent_is_asked_for_by_its_provider_or_by_the_older_settings(said: Any, denied: bool) -> None:
    older = "one_trust_categories" if "'C'" in str(said) else "ketch_purposes"
    policy = ConsentPolicy(
        {"custom": Consent(("A", "B")), "oneTrust": Consent(())},
        **{older: ("C", "D") if older == "one_trust_categories" else ("P", "Q")},
    )
    value = json.dumps({"context": {"consentManagement": said}})
    assert is_denied(policy, parse(value.encode()).members) is denied


def test_without_a_context_nothing_is_denied() -> None:
    assert not is_denied(ConsentPolicy(ketch_purposes=("P",)), parse(b"{}").members)
    assert not is_denied(
        ConsentPolicy(), parse(b'{"context":{"consentManagement":{"deniedConsentIds":["A"]}}}').members
    )
