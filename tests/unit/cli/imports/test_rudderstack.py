"""RudderStack's destinations as settings: what they send there is sent here, or it is told what is not."""

import base64
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from typer.testing import CliRunner

from processor.cli.commands import app
from processor.cli.imports.rudderstack import imported
from processor.config import loading
from processor.config.sources.documents import page, read
from processor.errors import ConfigError, EventError
from processor.traffic.preparation import Preparation
from tests.support.builders import prepared

ROOT = Path(__file__).parents[4]
VECTORS = json.loads((ROOT / "tests" / "vectors" / "rudder_http.json").read_text(encoding="utf-8"))
CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in VECTORS["http"]}
TABLE = (ROOT / "docs" / "rudderstack.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| .*? \| `(.*?)` \| `(.*?)` \|$", TABLE, re.MULTILINE)
REST = {
    "kafka": {"bootstrap_servers": "k:9092", "group_id": "g", "topics": ["t"]},
    "dead_letter": {"topic": "t.dlq"},
}

CUSTOM = {"provider": "custom", "resolutionStrategy": "or", "consents": [{"consent": "C"}]}
Observed = dict[str, Any]
JSON = {"Content-Type": "application/json"}
PLAIN = {"method": "POST", "endpoint": "https://h.example/base", "headers": JSON, "params": {}, "body": {}}
TRAITS = '{"email":"ann@example.com","plan":"pro"}'
HERE: dict[str, Observed] = {
    "constant with apostrophe": PLAIN | {"body": {"t": "it's"}},
    "child after parent": {"body": {"u": {"email": "ann@example.com", "plan": "pro"}}},
    "GET with body mapping": {"headers": {}, "body": {}},
    "basic auth, no password": {"headers": JSON | {"Authorization": "Basic YW5uOg=="}},
    "header: constant, member, missing": PLAIN | {"headers": JSON | {"X-A": "val", "X-User": "u1"}},
    "header: number member": PLAIN | {"headers": JSON | {"X-Q": "2"}},
    "header: object member": PLAIN | {"headers": JSON | {"X-T": TRAITS}},
    "header content-type in lower case stays beside": {"headers": {"content-type": "text/plain"}},
    "header Content-Type is overridden": {"headers": {"Content-Type": "text/plain"}},
    "query: constant, member, missing, number, object": {
        "params": {"q1": "v", "q2": "u1", "q4": "2", "q5": TRAITS, "q6": '["a","b"]'}
    },
    "path: null member": {"error": "invalid_url"},
    "path: number, object": {"error": "invalid_url"},
    "path: dot segments": {"error": "invalid_url"},
}
"""What differs, as the cases propose: members of what is sent, or the code of the dead letter."""
TOLD = {
    "child after parent": "stands inside another",
    "parent after child": "stands inside another",
    "GET with body mapping": "GET has no body",
    "path: constant with slash": "holds a slash",
    "unknown format": "YAML is not offered",
    "unknown auth": "digest is not offered",
}
"""What is told of a case that is carried over in part."""
REFUSED = {"no url": "https://", "bearer, no token": "WEBHOOK_AUTHORIZATION"}
"""What `check` refuses, and what it names."""
OFFERED = {name for name, case in CASES.items() if case["offer"] == "yes"}


def as_text(value: Any) -> Any:
    """Scalars as the settings file has them."""
    return read(json.dumps(value))


def settings_of(case: dict[str, Any], folder: Path) -> tuple[Any, list[str]]:
    found = imported({"type": "HTTP", "config": as_text(case["config"])})
    file = folder / "settings.yaml"
    file.write_text(page(found.settings | REST), encoding="utf-8")
    config = case["config"]
    login = f"{config.get('username')}:{config.get('password', '')}".encode()
    values = {
        "basicAuth": "Basic " + base64.b64encode(login).decode(),
        "apiKeyAuth": config.get("apiKeyValue"),
        "bearerTokenAuth": config.get("bearerToken") and f"Bearer {config['bearerToken']}",
    }
    value = values.get(config.get("auth", ""))
    return loading.load(file, {"WEBHOOK_AUTHORIZATION": value} if value else {}), found.left


def read_form(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))


def sent(case: dict[str, Any], settings: Any) -> Observed:
    policy = Preparation(settings.request_policy(), settings.filter_policy())
    made = prepared(policy, json.dumps(case["event"]).encode())
    if isinstance(made, EventError):
        return {"error": made.code}
    request = made.request  # type: ignore[union-attr]
    url, _, query = request.url.partition("?")
    body: Any = {}
    if request.body:
        text = request.body.decode()
        kind = case["config"].get("format")
        body = {"payload": text} if kind == "XML" else read_form(text) if kind == "FORM" else json.loads(text)
    headers = {name: value for name, value in request.headers if name != "User-Agent"}
    params = read_form(query)
    return {"method": request.method, "endpoint": url, "headers": headers, "params": params, "body": body}


@pytest.mark.parametrize("name", sorted(OFFERED - REFUSED.keys()))
def test_what_is_offered_is_sent_as_rudderstack_sends_it(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    settings, left = settings_of(case, tmp_path)
    expect = {key: value for key, value in case["expect"].items() if key != "format"}
    wanted = HERE.get(name, {})
    if name == "path: constant with slash":
        assert expect == {"error": 'Path value cannot contain "/"'}
    elif "error" in wanted or "error" in expect:
        assert sent(case, settings) == wanted
    else:
        assert sent(case, settings) == expect | wanted
    assert TOLD.get(name, "") in " ".join(left)


@pytest.mark.parametrize("name", sorted(CASES.keys() - OFFERED))
def test_what_is_code_is_left_out_and_told(name: str, tmp_path: Path) -> None:
    _, left = settings_of(CASES[name], tmp_path)
    assert any("an expression is not offered" in each for each in left)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_sent_at_all_is_refused_at_the_start(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=REFUSED[name]):
        settings_of(CASES[name], tmp_path)


@pytest.mark.parametrize("case", VECTORS["templates"], ids=json.dumps)
def test_a_template_in_a_setting_is_one_of_ours(case: dict[str, Any], tmp_path: Path) -> None:
    config = {"webhookUrl": "https://h.example/", "headers": [{"from": "X-A", "to": case["setting"]}]}
    found = imported(as_text({"config": config}))
    file = tmp_path / "settings.yaml"
    file.write_text(page(found.settings | REST), encoding="utf-8")
    settings = loading.load(file, {})
    made: Any = prepared(Preparation(settings.request_policy()), json.dumps(case["event"]).encode())
    assert dict(made.request.headers)["X-A"] == str(case["value"])


@pytest.mark.parametrize(
    ("target", "source"),
    [
        ("$[*].a", "$.l[*].a"),
        ("$.l[*].a", "x"),
        ("$.l[*].a[*]", "$.l[*].a"),
        ("$.b.c", "$.l[*].x[*]"),
        ("$.b", "$.l[*][0]"),
    ],
)
def test_lists_that_have_no_shape_here_are_told(target: str, source: str) -> None:
    found = imported({"apiUrl": "https://h.example", "propertiesMapping": [{"from": source, "to": target}]})
    assert len(found.left) == 1


def test_targets_that_meet_are_told() -> None:
    def left(*pairs: tuple[str, str]) -> int:
        mapping = [{"from": source, "to": target} for source, target in pairs]
        return len(imported({"apiUrl": "https://h.example", "propertiesMapping": mapping}).left)

    assert left(("$.a", "x"), ("$.l[*].b", "x.y[*].z")) == 1
    assert left(("$.a", "x"), ("$.b", "x")) == 1
    assert left(("$.l[*].a", "x[*].a"), ("$.m[*].a", "x[*].b")) == 1
    assert left(("$", "$"), ("$.a", "b")) == 1


def test_filters_and_secrets_are_carried_over() -> None:
    found = imported(
        {
            "destination": {
                "type": "WEBHOOK",
                "config": {
                    "webhookUrl": "https://hooks.slack.com/services/T0/B0/abcdefghijklmnopqrstuvwx",
                    "webhookMethod": "put",
                    "headers": [{"from": "X-Api-Key", "to": "k"}, {"from": "X-B", "to": "b"}],
                    "eventFilteringOption": "blacklistedEvents",
                    "blacklistedEvents": [{"eventName": "A"}, {"eventName": ""}],
                    "consentManagement": {
                        "web": [
                            {"provider": "custom", "resolutionStrategy": "or", "consents": [{"consent": "C"}]}
                        ]
                    },
                    "oneTrustCookieCategories": [{"oneTrustCookieCategory": "D"}],
                },
            }
        }
    )
    assert found.settings == {
        "destination": {
            "url": {"from_env": "WEBHOOK_URL"},
            "method": "PUT",
            "headers": {"X-Api-Key": {"from_env": "WEBHOOK_X_API_KEY"}, "X-B": "b"},
        },
        "filter": {
            "events": {"deny": ["A"]},
            "consent": {
                "providers": {"custom": {"ids": ["C"], "strategy": "or"}},
                "one_trust_categories": ["D"],
            },
        },
    }
    assert len(found.left) == 3


@pytest.mark.parametrize(
    ("verb", "url"),
    [
        ("TRACE", "https://h.example"),
        ("POST", "https://h.example/{{ a || b }}"),
    ],
)
def test_what_stands_in_the_place_of_something_else_is_told(verb: str, url: str) -> None:
    found = imported({"webhookUrl": url, "webhookMethod": verb})
    assert found.settings["destination"]["method"] == "POST"
    assert "{{" not in found.settings["destination"]["url"]
    assert len(found.left) == 1


def test_the_command_prints_settings_and_what_is_left(tmp_path: Path) -> None:
    file = tmp_path / "destination.json"
    config = {
        "apiUrl": "https://h.example",
        "propertiesMapping": [{"from": "$.a || 1", "to": "x"}],
        "isBatchingEnabled": True,
    }
    file.write_text(
        json.dumps({"kind": "destination", "spec": {"type": "HTTP", "config": config}}), encoding="utf-8"
    )
    done = CliRunner().invoke(app, ["import", "rudderstack", str(file)])
    assert done.exit_code == 0
    assert read(done.stdout)["destination"]["url"] == "https://h.example"
    assert done.stdout.count("\n# ") + 1 == done.stderr.count("left  ") == 2
    for text in ("{}", "a: [", '{"type": "SLACK", "apiUrl": "https://h.example"}'):
        file.write_text(text, encoding="utf-8")
        assert CliRunner().invoke(app, ["import", "rudderstack", str(file)]).exit_code == 2


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_of_the_table_is_what_the_import_makes(row: tuple[str, str]) -> None:
    there, here = (read(text.replace("\\|", "|")) for text in row)
    made = imported({"apiUrl": "https://h.example", **there}).settings["destination"]
    assert {name: made[name] for name in here} == here


def test_every_kind_of_mapping_has_a_row() -> None:
    assert len(ROWS) >= 14
