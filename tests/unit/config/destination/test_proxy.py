"""The way to the webhook as the operator says it: a proxy, the environment's, a socket of the file system."""

import socket
from base64 import b64encode
from pathlib import Path

import pytest

from processor.config import loading
from processor.config.settings import Settings
from processor.errors import ConfigError
from tests.unit.config.test_loading import SECRET, env, problem

PROXY = "DESTINATION__PROXY__URL"
ENVIRONMENT = {"DESTINATION__PROXY__FROM_ENVIRONMENT": "true"}


def loaded(**more: str) -> Settings:
    """The smallest configuration and these variables, those of settings without their prefix."""
    settings = {name: text for name, text in more.items() if "__" in name}
    others = {name: text for name, text in more.items() if "__" not in name}
    return loading.load(None, env(**settings) | others)


@pytest.mark.parametrize(
    "url", ["proxy:3128", "socks5://proxy:1080", "http://proxy/path", "http://", "http://a b", "ftp://proxy"]
)
def test_what_is_no_proxy_is_refused(url: str) -> None:
    assert "is no URL of a proxy" in problem(environ=env(**{PROXY: url})).message


def test_a_login_in_the_url_is_refused_and_not_repeated() -> None:
    found = problem(environ=env(**{PROXY: f"http://user:{SECRET}@proxy:3128"}))
    assert "destination.proxy.username" in found.message
    assert SECRET not in str(found)


@pytest.mark.parametrize("name", ["us:er", "us\ner"])
def test_a_name_that_no_login_can_have_is_refused(name: str) -> None:
    found = problem(environ=env(**{PROXY: "http://proxy:3128", "DESTINATION__PROXY__USERNAME": name}))
    assert found.path == "destination.proxy.username"


def test_an_exception_that_is_no_host_is_refused() -> None:
    variables = {PROXY: "http://proxy:3128", "DESTINATION__PROXY__NO_PROXY": "a.example,http://b"}
    assert "'http://b' is no host" in problem(environ=env(**variables)).message


@pytest.mark.parametrize(
    ("name", "value"), [("ALLOWED_HOSTS", "a.example"), ("BLOCK_PRIVATE_NETWORKS", "true")]
)
def test_what_the_proxy_would_undo_is_refused_unless_it_is_trusted(name: str, value: str) -> None:
    variables = {PROXY: "http://proxy:3128", f"DESTINATION__{name}": value}
    assert "destination.proxy.trusted: true" in problem(environ=env(**variables)).message
    assert loaded(**variables, DESTINATION__PROXY__TRUSTED="true").destination.proxy.trusted


def test_two_ways_at_once_are_refused() -> None:
    variables = {PROXY: "http://proxy:3128", "DESTINATION__UNIX_SOCKET": "/run/no-such.sock"}
    assert "are two ways" in problem(environ=env(**variables)).message


def test_a_password_alone_is_refused() -> None:
    variables = {PROXY: "http://proxy:3128", "DESTINATION__PROXY__PASSWORD": SECRET}
    found = problem(environ=env(**variables))
    assert "without destination.proxy.username" in found.message


def test_a_name_without_a_password_is_one_itself() -> None:
    secrets = loaded(DESTINATION__PROXY__URL="http://p:3128", DESTINATION__PROXY__USERNAME=SECRET).secrets
    assert SECRET in secrets
    assert b64encode(f"{SECRET}:".encode()).decode() in secrets


def test_the_password_and_the_login_as_it_is_sent_are_secrets() -> None:
    variables = {PROXY: "http://proxy:3128", "DESTINATION__PROXY__USERNAME": "u€"}
    secrets = loaded(**variables, DESTINATION__PROXY__PASSWORD=SECRET).secrets
    assert SECRET in secrets
    assert b64encode(f"u€:{SECRET}".encode()).decode() in secrets


# The environment


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_followed_and_said(name: str) -> None:
    settings = loaded(**{name: f"http://user:{SECRET}@proxy:3128"})
    assert settings.destination.proxy.url is None
    (said,) = settings.warnings()
    assert name in said
    assert "not followed" in said
    assert SECRET not in said


def test_a_proxy_of_the_environment_is_followed_where_that_is_said() -> None:
    variables = {"HTTPS_PROXY": "http://us%40er:p%25w%E2%82%AC@proxy:3128/", "NO_PROXY": "localhost,.svc"}
    settings = loaded(**variables, **ENVIRONMENT)
    proxy = settings.destination.proxy
    assert proxy.password
    assert (proxy.url, proxy.username) == ("http://proxy:3128", "us@er")
    assert proxy.password.get_secret_value() == "p%w€"
    assert proxy.no_proxy == ["localhost", ".svc"]
    assert settings.warnings() == []
    assert "as the environment says" in settings.meanings()[0]
    assert "p%w€" in settings.secrets


@pytest.mark.parametrize(
    ("variables", "scheme", "url"),
    [
        ({"HTTPS_PROXY": "http://s:1", "HTTP_PROXY": "http://p:1"}, "https", "http://s:1"),
        ({"HTTPS_PROXY": "http://s:1", "HTTP_PROXY": "http://p:1"}, "http", "http://p:1"),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, "https", "http://low:1"),
        ({"HTTP_PROXY": "http://p:1"}, "https", None),
        ({"HTTPS_PROXY": "proxy:3128"}, "https", "http://proxy:3128"),
        ({"HTTPS_PROXY": "https://proxy"}, "https", "https://proxy"),
        ({"ALL_PROXY": "http://all:1"}, "http", "http://all:1"),
        ({"HTTPS_PROXY": ""}, "https", None),
        ({}, "https", None),
    ],
)
def test_the_variable_goes_by_the_scheme_of_the_endpoint(
    variables: dict[str, str], scheme: str, url: str | None
) -> None:
    settings = loaded(**variables, **ENVIRONMENT, DESTINATION__URL=f"{scheme}://h.example/hook")
    assert settings.destination.proxy.url == url
    assert (url or "names none") in settings.meanings()[0]


def test_a_kind_of_proxy_that_is_not_spoken_is_refused_without_its_login() -> None:
    variables = {"ALL_PROXY": f"socks5h://user:{SECRET}@proxy:1080"}
    with pytest.raises(ConfigError) as caught:
        loaded(**variables, **ENVIRONMENT)
    assert "is no URL of a proxy" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_proxy_of_the_environment_and_one_of_ones_own_contradict() -> None:
    variables = {PROXY: "http://proxy:3128", "DESTINATION__PROXY__FROM_ENVIRONMENT": "yes"}
    assert problem(environ=env(**variables)).path == "destination.proxy.url"


def test_a_switch_that_is_none_is_told_as_that() -> None:
    found = problem(environ=env(DESTINATION__PROXY__FROM_ENVIRONMENT="perhaps"))
    assert found.path == "destination.proxy.from_environment"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DESTINATION__PROXY__USERNAME": "u"}, "username means nothing without"),
        (
            {PROXY: "http://proxy:1", "DESTINATION__PROXY__CA_FILE": __file__},
            "means nothing for an http:// proxy",
        ),
        ({"DESTINATION__UNIX_SOCKET": "/run/no-such.sock"}, "nothing is there yet"),
    ],
)
def test_what_is_hardly_meant_is_said(variables: dict[str, str], said: str) -> None:
    (warning,) = loaded(**variables).warnings()
    assert said in warning


# A socket of the file system


@pytest.mark.parametrize("path", ["run/app.sock", "/" + "x" * 107, "/tmp"])
def test_what_can_be_no_socket_is_refused(path: str) -> None:
    assert problem(environ=env(DESTINATION__UNIX_SOCKET=path)).path == "destination.unix_socket"


def test_a_socket_that_is_there_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        settings = loaded(DESTINATION__UNIX_SOCKET=str(path))
    assert settings.destination.unix_socket == path
    assert settings.warnings() == []
