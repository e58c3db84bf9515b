"""Who we are to the endpoint: what is refused before anything is sent, and what events may not set."""

from pathlib import Path
from typing import Any

import pytest

from processor.config import loading
from processor.config.destination.endpoint import DestinationSettings
from processor.config.destination.secrets import stuck
from processor.config.settings import PREFIX, Settings
from processor.config.sources.mounts import table
from processor.core.services import keys
from processor.errors import ConfigError
from tests.unit.config.test_loading import PRIVATE_KEY, env

OAUTH = {"type": "oauth2", "token_url": "https://i.example/t", "client_id": "c"}
BEARER = {"type": "bearer", "token": "abc"}
KEY = {"type": "api_key", "name": "X-Key", "value": "abcdef"}
AWS = {"type": "aws_sigv4", "region": "eu-west-1", "service": "lambda"}


def load(auth: dict[str, Any], **more: str) -> Settings:
    said = {f"{PREFIX}DESTINATION__AUTH__{name.upper()}": str(value) for name, value in auth.items()}
    return loading.load(None, env(**more) | said)


@pytest.mark.parametrize(
    ("auth", "fault"),
    [
        ({"username": "a"}, "destination.auth.username is not part of destination.auth.type: none"),
        ({"event_may_override": "true"}, "destination.auth has no type"),
        ({"type": "basic", "username": "a"}, "basic needs destination.auth.password"),
        ({"type": "basic", "username": "a:b", "password": "c"}, "username has a colon"),
        ({"type": "basic", "username": "a", "password": "c\ud800"}, "password is no UTF-8 text"),
        ({**BEARER, "password": "a"}, "password is not part of destination.auth.type: bearer"),
        ({**BEARER, "token": "a b"}, "token has a character that cannot be sent"),
        ({**BEARER, "token": "a" * 20_000}, "token is longer than"),
        ({**KEY, "name": "X Key"}, "name has a character"),
        ({**KEY, "name": "Host"}, "Host belongs to the connection"),
        ({**OAUTH}, "basic needs destination.auth.client_secret"),
        ({**OAUTH, "client_secret": "a", "in": "query"}, "destination.auth.in is not part of"),
        ({**OAUTH, "client_secret": "a", "private_key": PRIVATE_KEY}, "proves who it is in one way"),
        ({**OAUTH, "client_auth": "mtls"}, "mtls needs destination.auth.tls.certificate_file"),
        ({**OAUTH, "client_auth": "private_key_jwt", "private_key": "x"}, "holds no private key that can be"),
        ({**AWS, "access_key_id": "a"}, "access_key_id needs destination.auth.secret_access_key"),
        ({**AWS, "session_token": "a"}, "session_token needs destination.auth.access_key_id"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(auth: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(auth)
    assert any(fault in problem.message for problem in caught.value.problems), caught.value


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        (BEARER, '{"authorization": "x"}'),
        (BEARER, '{"Authorization": "{{ event.token }}"}'),
        (KEY, '{"x-key": "x"}'),
        ({**AWS}, '{"X-Amz-Date": "x"}'),
    ],
)
def test_two_ways_at_once_are_refused(auth: dict[str, Any], headers: str) -> None:
    with pytest.raises(ConfigError, match="both say who sends: leave one of them out"):
        load(auth, DESTINATION__HEADERS=headers)


def test_a_header_of_records_is_not_forwarded_over_ours_unless_that_is_said() -> None:
    with pytest.raises(ConfigError, match=r"is what destination\.auth sets"):
        load(BEARER, DESTINATION__FORWARD_HEADERS="Authorization")
    load({**BEARER, "event_may_override": "true"}, DESTINATION__FORWARD_HEADERS="Authorization")


@pytest.mark.parametrize(
    ("auth", "reserved"),
    [
        ({"type": "none"}, set()),
        (BEARER, {"authorization"}),
        ({**BEARER, "event_may_override": "true"}, set()),
        (KEY, {"x-key"}),
        ({**KEY, "in": "query"}, set()),
        (AWS, {"authorization", "x-amz-date", "x-amz-security-token"}),
    ],
)
def test_what_we_set_no_event_does(auth: dict[str, Any], reserved: set[str]) -> None:
    always = {"webhook-id", "traceparent", "tracestate"}
    assert load(auth).request_policy().reserved_headers - always == reserved


def test_without_the_extra_a_private_key_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    auth = {**OAUTH, "client_auth": "private_key_jwt", "private_key": PRIVATE_KEY}
    load(auth)
    monkeypatch.setitem(__import__("sys").modules, "cryptography.exceptions", None)
    with pytest.raises(ConfigError, match=r"install kafka-webhook-processor\[keys\]"):
        load(auth)
    assert keys.MISSING


def test_every_secret_is_known_as_one() -> None:
    settings = load(
        {**AWS, "access_key_id": "a", "secret_access_key": "s3cret/1", "session_token": "t0ken/2"}
    )
    assert settings.secrets.strike("s3cret/1 t0ken/2") == "*** ***"
    assert load({**KEY, "value": "Token abcdef"}).secrets.strike("abcdef") == "***"
    assert "abc" not in repr(load(BEARER).destination)


def test_a_file_that_is_mounted_by_itself_is_warned_of(tmp_path: Path) -> None:
    destination = DestinationSettings(url="https://h.example")
    file = next(
        (Path(line.split(" ")[4]) for line in table().splitlines() if line.split(" ")[4] != "/"), None
    )
    files = {"destination.auth.token": file or tmp_path, "kafka.sasl_password": file or tmp_path}
    expected = ["destination.auth.token"] if file else []
    assert [warning.partition(":")[0] for warning in stuck(destination, files)] == expected
    assert list(stuck(destination, {})) == []
