"""What is a credential is told by its looks, and what in it is secret by itself is known."""

from base64 import b64encode

import pytest

from processor.core.credentials import is_secret_header, is_secret_option, is_secret_url, parts, parts_of_url

BASIC = b64encode(b"user:pa:ss").decode()


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "authorization", "Proxy-Authorization", "X-Authorisation", "X-Auth", "X-Auth-Key"),
        *("Auth", "X-AuthToken", "X-Api-Key", "apikey", "DD-API-KEY", "X-Functions-Key", "X-Key"),
        *("Ocp-Apim-Subscription-Key", "PRIVATE-TOKEN", "X-Hub-Signature-256", "Cookie", "X-Hook-Secret"),
        *("X-Password", "X-Session-Id", "X-Credential", "X-JWT", "X-Access-Key"),
    ],
)
def test_a_header_is_secret_by_its_name(name: str) -> None:
    assert is_secret_header(name)


@pytest.mark.parametrize(
    "name",
    ["X-Source", "X-Author", "Accept", "Content-Type", "User-Agent", "X-Keyboard", "X-Env", "X-Monkey"],
)
def test_a_plain_header_is_none(name: str) -> None:
    assert not is_secret_header(name, "events")


@pytest.mark.parametrize("value", ["Bearer x", "basic eDp5", "Token token=x", "ApiKey x"])
def test_a_header_is_secret_by_its_scheme(value: str) -> None:
    assert is_secret_header("X-Whatever", value)


def test_an_option_is_secret_by_its_name() -> None:
    assert is_secret_option("sasl.oauthbearer.client.secret")
    assert not is_secret_option("sasl.oauthbearer.token.endpoint.url")
    assert not is_secret_option("client.rack")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("hunter2", {"hunter2"}),
        (" Bearer  hunter2 ", {"Bearer  hunter2", "hunter2"}),
        ("Token token=hunter2", {"Token token=hunter2", "token=hunter2", "hunter2"}),
        ('Token token="hunter2", v=1', {'Token token="hunter2", v=1', "hunter2"}),
        ("sid=hunter2; b=longer", {"sid=hunter2; b=longer", "hunter2", "longer"}),
        (f"Basic {BASIC}", {f"Basic {BASIC}", BASIC, "user:pa:ss", "pa:ss"}),
        (BASIC, {BASIC, "user:pa:ss", "pa:ss"}),
        ("ApiKey me:hunter2", {"ApiKey me:hunter2", "me:hunter2", "hunter2"}),
        ("correct horse battery", {"correct horse battery"}),
        ("Bearer abcd", {"Bearer abcd", "abcd"}),
        ("Bearer a===", {"Bearer a===", "a==="}),
        ("aGVsbG8=", {"aGVsbG8="}),
    ],
)
def test_the_parts_of_a_value_are_known(value: str, found: set[str]) -> None:
    assert set(parts(value)) == found


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T0/B0/x",
        "https://discord.com/api/webhooks/1/x",
        "https://tenant.webhook.office.com/webhookb2/x",
        "https://h.example/hook?token=x",
        "https://h.example/hook?a=b&sig=x",
        "https://h.example/hooks/3fa85f64-5717-4562-b3fc-2c963f66afa6",
        "https://h.example/in/Zx81kq0Pq7Yw22LmN3tR",
    ],
)
def test_a_url_that_lets_everybody_in_who_knows_it_is_secret(url: str) -> None:
    assert is_secret_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://h.example",
        "https://crm.example.com/hooks/rudderstack",
        "https://h.example/hook?x=y&version=2",
        "http://slack.example/services/x",
        "https://h1234567890123456789012.example/x",
        "https://h.example/internationalization/v2",
        "https://h.example/discord.com/",
    ],
)
def test_a_plain_url_is_none(url: str) -> None:
    assert not is_secret_url(url)


def test_the_parts_of_a_secret_url_are_known() -> None:
    assert set(parts_of_url("https://h.example/a/abcdefghijklmnop/?x=a%20b&y=1#z")) == {
        "/a/abcdefghijklmnop/",
        "/a/abcdefghijklmnop",
        "/a/abcdefghijklmnop/?x=a%20b&y=1",
        "x=a%20b&y=1",
        "abcdefghijklmnop",
        "a%20b",
        "a b",
    }
    assert set(parts_of_url("https://h.example")) == set()
