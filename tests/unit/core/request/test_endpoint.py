"""Whatever an event says, the request goes to the configured origin or to an allowed host."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from processor.core.request.endpoint import Endpoint, Origin, is_allowable
from processor.errors import EventError
from tests.support.examples import examples

BASE = "https://h.example/base"

PIECES = (
    *("https://", "http://", "HTTPS://", "ftp://", "//", "h.example", "H.EXAMPLE", "other.example"),
    *("ported.example:8443", ".evil.test", "evil.test", "@", "user:pass@", ":", "9", ":443", ":80", "/"),
    *("\\", ".", "..", "/../", "%2e", "%252e", "%2F", "%5c", ";x", "?", "#", "a", "é", "。", "．", "①"),
    *("[::1]", "[", "]", "\r\n", "\t", " ", "\0", "%", "%zz", "&=", "\x7f", "\u2028", "ß"),
)
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=7).map("".join)
full_paths = (
    st.just("") | texts | texts.map("https://h.example".__add__) | texts.map("http://other.example".__add__)
)


def refused(full_path: str = "", append_path: str = "", base: str = BASE, *allowed: str) -> str:
    """The code with which this is refused."""
    endpoint = Endpoint(base, allowed)
    with pytest.raises(EventError) as raised:
        endpoint.resolve(full_path, append_path)
    return raised.value.code


def outcome(full_path: str, append_path: str, base: str, *allowed: str) -> str | EventError:
    try:
        return Endpoint(base, allowed).resolve(full_path, append_path)
    except EventError as error:
        return error


def appended(text: str, base: str = BASE) -> str:
    return Endpoint(base).resolve("", text)


def test_without_a_wish_it_is_the_configured_url() -> None:
    assert Endpoint(BASE).resolve("", "") == Endpoint(BASE).url == BASE


@pytest.mark.parametrize(
    ("configured", "sent"),
    [
        ("https://h.example", "https://h.example/"),
        ("https://h.example?a=1", "https://h.example/?a=1"),
        ("HTTPS://H.Example/Path", "https://h.example/Path"),
        ("https://h.example:443/", "https://h.example/"),
        ("https://h.example:00443/", "https://h.example/"),
        ("https://h.example:/", "https://h.example/"),
        ("http://h.example:80/", "http://h.example/"),
        ("http://h.example:443/", "http://h.example:443/"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("http://[2001:DB8::ffff:1.2.3.4]/", "http://[2001:db8::ffff:102:304]/"),
        ("http://127.0.0.1/x", "http://127.0.0.1/x"),
        ("http://a_b.local./", "http://a_b.local./"),
        ("https://bücher.example/ü?ü=ß#ü", "https://xn--bcher-kva.example/%C3%BC?%C3%BC=%C3%9F"),
        ("https://h.example/a b%20c%zz?d e[]=%", "https://h.example/a%20b%20c%25zz?d%20e[]=%25"),
        ("https://h.example/a?b#c", "https://h.example/a?b"),
        ("https://h.example#c", "https://h.example/"),
        ("https://h.example/a/.b/..c/d../...", "https://h.example/a/.b/..c/d../..."),
    ],
)
def test_a_url_is_sent_with_its_origin_in_one_way_and_the_rest_as_written(configured: str, sent: str) -> None:
    assert Endpoint(configured).url == sent


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://h.example/x", Origin("https", "h.example", 443)),
        ("http://H.example:8080", Origin("http", "h.example", 8080)),
    ],
)
def test_the_origin_is_scheme_host_and_port(url: str, origin: Origin) -> None:
    assert Endpoint(url).origin == origin


@pytest.mark.parametrize(
    "url",
    [
        *("", "h.example", "/path", "//h.example/", "ftp://h.example/", "file:///x", " https://h.example/"),
        *("https:/h.example", "https://", "https:///x", "https://?x", "https://#h.example", "javascript:1"),
    ],
)
def test_what_is_no_http_url_is_an_invalid_url(url: str) -> None:
    with pytest.raises(EventError) as raised:
        Endpoint(url)
    assert raised.value.code == "invalid_url"


@pytest.mark.parametrize(
    "authority",
    [
        "user@h.example",
        "user:pass@h.example",
        "@h.example",
        "h.example@",
        "h.example:0",
        "h.example:65536",
        "h.example:999999",
        "h.example:-1",
        "h.example:x",
        "h.example:80:80",
        "h.example:٤٤٣",
        "::1",
        "[::1",
        "[::1]x",
        "[]",
        "[::g]",
        "-h.example",
        "h.example-",
        "h .example",
        "h\t.example",
        "h\r\n.example",
        "h%2eexample",
        "h.example\\x",
        "．",
        "ü" * 70,
        "\ud800",
        "h" * 254,
        "ü" * 250,
        ".".join(["ü" * 40] * 6),
        "\ufdfa" * 200,
        "[" + "0" * 250 + "::1]",
    ],
)
def test_user_info_and_impossible_hosts_or_ports_are_not_allowed(authority: str) -> None:
    with pytest.raises(EventError) as raised:
        Endpoint(f"https://{authority}/")
    assert raised.value.code == "endpoint_not_allowed"


@pytest.mark.parametrize("host", ["[:]", "[.]", "[1.2]", "[1.2.3.4]", "[:::]", "[1:2]", "[fffff::]"])
def test_only_an_ipv6_address_may_stand_in_brackets(host: str) -> None:
    with pytest.raises(EventError) as raised:
        Endpoint(f"https://{host}/")
    assert raised.value.code == "endpoint_not_allowed"


# Appended paths


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("/x", "https://h.example/base/x"),
        ("x", "https://h.example/basex"),
        ("//evil.test/", "https://h.example/base//evil.test/"),
        ("?a=1&b=c d", "https://h.example/base?a=1&b=c%20d"),
        ("?a=1?b=2", "https://h.example/base?a=1?b=2"),
        ("/a#fragment?x", "https://h.example/base/a"),
        ("/a\r\nX: y\t\0", "https://h.example/base/a%0D%0AX:%20y%09%00"),
        ("?a=\r\nb\0", "https://h.example/base?a=%0D%0Ab%00"),
        ("/a\\b\x7f\u2028", "https://h.example/base/a%5Cb%7F%E2%80%A8"),
        ("/100%/%41%zz", "https://h.example/base/100%25/%41%25zz"),
        ("@evil.test/", "https://h.example/base@evil.test/"),
        (":9/", "https://h.example/base:9/"),
        ("/a?b=../c", "https://h.example/base/a?b=../c"),
    ],
)
def test_text_is_appended_as_it_is_and_encoded_where_a_url_cannot_hold_it(text: str, sent: str) -> None:
    assert appended(text) == sent


def test_a_host_of_253_characters_may_be_asked_for() -> None:
    host = ".".join(["h" * 50] * 5)[:253]
    assert Endpoint(BASE, [host]).resolve(f"https://{host}/x", "") == f"https://{host}/x"


@pytest.mark.parametrize("text", ["x" * 16363, "%25" * 6000, "ü" * 3000])
def test_a_url_of_more_than_16_kib_is_an_invalid_url(text: str) -> None:
    assert refused("", text) == refused(BASE + text) == refused(BASE, text) == "invalid_url"
    with pytest.raises(EventError, match="longer than 16384 bytes"):
        Endpoint(BASE + text)


def test_text_is_appended_behind_a_configured_query() -> None:
    assert appended("&b=2", "https://h.example/?a=1") == "https://h.example/?a=1&b=2"


def test_text_behind_a_configured_fragment_is_not_sent() -> None:
    assert appended("/x", "https://h.example/a#b") == "https://h.example/a"


@pytest.mark.parametrize(
    "text", [".evil.test/", "evil.test", "@evil.test/", ":9/", ":80@evil.test/", "。evil.test"]
)
def test_nothing_can_be_appended_to_a_bare_host(text: str) -> None:
    assert refused("", text, "https://h.example") == "endpoint_not_allowed"


def test_nothing_can_be_appended_to_a_bare_port() -> None:
    assert refused("", "43/", "https://h.example:4") == "endpoint_not_allowed"
    assert refused("", "@evil.test/", "https://h.example:4") == "endpoint_not_allowed"


@pytest.mark.parametrize(
    "climb",
    [
        "/..",
        "/.",
        "/../x",
        "/./x",
        "/a/../x",
        "\\..\\x",
        "/..;x/y",
        "/.;/y",
        "/%2e%2E/x",
        "/.%2e/x",
        "/%2e/x",
        "/a%2f../x",
        "/..%5cx",
        "/..%3bx",
        "/%252e%252e/x",
        "/%25252e%25252e/x",
        "/%2525252e%2525252e/x",
        "/%252f..%252fx",
        "/%%32%65/x",
        "/%25%32e/x",
        "/..;%2fx",
        "/a%2f%2E%2e%3b",
    ],
)
def test_segments_that_climb_are_not_allowed_however_often_they_are_encoded(climb: str) -> None:
    assert refused("", climb) == "endpoint_not_allowed"
    assert refused(BASE + climb) == "endpoint_not_allowed"


def test_what_is_encoded_oftener_than_anybody_decodes_is_sent() -> None:
    assert appended("/%25252525252e") == f"{BASE}/%25252525252e"


@pytest.mark.parametrize("url", ["https://h.example/..", "https://h.example/a/%2e/"])
def test_a_configured_url_may_not_climb_either(url: str) -> None:
    with pytest.raises(EventError) as raised:
        Endpoint(url)
    assert raised.value.code == "endpoint_not_allowed"


# Whole URLs


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://h.example/other?q", "https://h.example/other?q"),
        ("HTTPS://H.EXAMPLE:443/other", "https://h.example/other"),
        ("https://h.example", "https://h.example/"),
        ("https://h．example/", "https://h.example/"),
    ],
)
def test_a_whole_url_of_the_configured_origin_is_taken(url: str, sent: str) -> None:
    assert Endpoint(BASE).resolve(url, "") == sent


@pytest.mark.parametrize(
    "url",
    [
        "http://h.example/",
        "http://h.example:443/",
        "https://h.example:8443/",
        "https://other.example/",
        "https://h.example./",
        "https://sub.h.example/",
        "https://h.example.evil.test/",
        "https://user@h.example/",
        "https://h.example@evil.test/",
        "https://evil.test\\@h.example/",
        "https://evil.test#@h.example/",
        "https://evil.test?@h.example/",
    ],
)
def test_a_whole_url_of_another_origin_is_not_allowed(url: str) -> None:
    assert refused(url) == "endpoint_not_allowed"


@pytest.mark.parametrize(
    "url", ["/path", "h.example/x", "ftp://h.example/", "x", "5", "\r\nhttps://h.example/"]
)
def test_a_whole_url_has_to_be_a_url(url: str) -> None:
    assert refused(url) == "invalid_url"


def test_a_whole_url_and_text_to_append_are_joined_before_they_are_judged() -> None:
    assert Endpoint(BASE).resolve("https://h.example/a", "b?c") == "https://h.example/ab?c"
    assert refused("https://h.example", ".evil.test/") == "endpoint_not_allowed"
    assert refused("https://", "evil.test/") == "endpoint_not_allowed"


# Allowed hosts


@pytest.mark.parametrize(
    ("base", "entry", "origin"),
    [
        (BASE, "o.example", "https://o.example"),
        ("http://h.example", "o.example", "http://o.example"),
        ("https://h.example:8443/x", "o.example", "https://o.example:8443"),
        (BASE, "o.example:443", "https://o.example"),
        (BASE, "o.example:8443", "https://o.example:8443"),
        (BASE, "o.example:80", "https://o.example:80"),
        ("http://h.example", "o.example:8080", "http://o.example:8080"),
        ("http://h.example:8080", "https://o.example", "https://o.example"),
        (BASE, "http://o.example", "http://o.example"),
        (BASE, "HTTPS://o.example:8443", "https://o.example:8443"),
        (BASE, "https://[::1]", "https://[::1]"),
    ],
)
def test_an_allowed_host_has_the_configured_scheme_and_port_unless_it_names_others(
    base: str, entry: str, origin: str
) -> None:
    endpoint = Endpoint(base, [entry])
    assert list(map(str, endpoint.allowed)) == [origin]
    (host,) = (allowed.host for allowed in endpoint.allowed)
    for scheme in ("http", "https"):
        for port in ("", ":80", ":443", ":8080", ":8443", ":9"):
            asked = f"{scheme}://{host}{port}"
            normal = str(Endpoint(asked).origin)
            if normal == origin:
                assert endpoint.resolve(f"{asked}/x", "") == f"{origin}/x"
            else:
                assert refused(f"{asked}/x", "", base, entry) == "endpoint_not_allowed"


def test_an_allowed_host_is_compared_without_case() -> None:
    assert Endpoint(BASE, ["Other.Example"]).resolve("https://OTHER.example/", "") == "https://other.example/"


@pytest.mark.parametrize(
    "allowed", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "bücher.example:443"]
)
def test_an_international_host_is_allowed_in_either_spelling(allowed: str) -> None:
    endpoint = Endpoint(BASE, [allowed])
    for url in ("https://bücher.example/", "https://xn--bcher-kva.example/"):
        assert endpoint.resolve(url, "") == "https://xn--bcher-kva.example/"


def test_an_allowed_ipv6_address_may_stand_in_brackets_and_in_any_spelling() -> None:
    for allowed in ("[::1]", "[0:0::1]", "[::1]:443", "::1"):
        assert Endpoint(BASE, [allowed]).resolve("https://[::1]/x", "") == "https://[::1]/x"


@pytest.mark.parametrize(
    "allowed", ["", "https://other.example/x", "me@other.example", "*.example", "*", "-"]
)
def test_what_cannot_be_a_host_allows_nothing(allowed: str) -> None:
    assert refused("https://other.example/", "", BASE, allowed) == "endpoint_not_allowed"


def test_an_allowed_host_does_not_allow_its_neighbours() -> None:
    for host in ("sub.other.example", "other.example.evil.test", "another.example", "example"):
        assert refused(f"https://{host}/", "", BASE, "other.example") == "endpoint_not_allowed"


def test_an_allowed_host_gets_no_user_info_and_no_climbing_segment_either() -> None:
    for url in ("https://me@other.example/", "https://other.example/a/../b"):
        assert refused(url, "", BASE, "other.example") == "endpoint_not_allowed"


# Whatever is asked for


def receivers(url: str) -> set[tuple[str, str | None, int | None]]:
    """Who would receive this, as two other parsers read it."""
    ports = {"http": 80, "https": 443}
    parts, yarl = urlsplit(url), URL(url, encoded=True)
    return {
        (parts.scheme, parts.hostname, parts.port or ports.get(parts.scheme)),
        (yarl.scheme, yarl.raw_host, yarl.port),
    }


def segments(path: str, decodings: int = 4) -> set[str]:
    found = set(path.replace("\\", "/").split("/"))
    return found | (segments(unquote(path), decodings - 1) if decodings else set())


@settings(max_examples=examples(1000))
@given(full_paths, texts, st.sampled_from([BASE, "https://h.example", "https://h.example/?a=1"]))
def test_a_resolved_url_belongs_to_the_configured_origin_or_an_allowed_host(
    full_path: str, append_path: str, base: str
) -> None:
    entries = ("other.example", "ported.example:8443", "http://plain.example")
    url = outcome(full_path, append_path, base, *entries)
    if isinstance(url, EventError):
        assert url.code in ("invalid_url", "endpoint_not_allowed")
        return
    assert len(receivers(url)) == 1
    scheme, host, port = receivers(url).pop()
    assert (scheme, host, port) in {
        ("https", "h.example", 443),
        ("https", "other.example", 443),
        ("https", "ported.example", 8443),
        ("http", "plain.example", 80),
    }
    assert "@" not in urlsplit(url).netloc
    assert "#" not in url
    assert all("!" <= character <= "~" for character in url)
    assert not {".", ".."} & segments(urlsplit(url).path)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("h.example", True),
        ("h.example:443", True),
        ("::1", True),
        ("https://h.example", True),
        ("http://h.example:8080", True),
        ("ftp://h.example", False),
        ("https://h.example/", False),
        ("h.example:0", False),
        ("h.example:65536", False),
        ("me@h.example", False),
        ("*.h", False),
        ("", False),
    ],
)
def test_what_may_stand_among_the_allowed_hosts_is_a_host(entry: str, *, expected: bool) -> None:
    assert is_allowable(entry) is expected
