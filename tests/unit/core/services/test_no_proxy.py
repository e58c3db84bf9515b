"""What is dialled by itself although there is a proxy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.services.no_proxy import goes_directly, is_entry

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join)


@pytest.mark.parametrize(
    ("entry", "host", "goes"),
    [
        ("example.com", "example.com", True),
        ("example.com", "api.example.com", True),
        ("EXAMPLE.com.", "example.com", True),
        ("example.com", "example.com.", True),
        ("example.com", "notexample.com", False),
        ("example.com", "example.com.evil.org", False),
        (".example.com", "example.com", False),
        (".example.com", "a.b.example.com", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "example.com", False),
        ("*", "anything", True),
        ("example.com:443", "example.com", True),
        ("example.com:80", "example.com", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.1/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "ten.example", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3:443", "10.1.2.3", True),
        ("10.1.2.3:80", "10.1.2.3", False),
        ("::1", "::1", True),
        ("[::1]", "::1", True),
        ("[::1]:443", "::1", True),
        ("[::1]:80", "::1", False),
        ("fd00::/8", "fd12::1", True),
        ("fd00::/8", "10.1.2.3", False),
        ("localhost", "localhost", True),
        ("<local>", "local", False),
    ],
)
def test_an_entry_speaks_of_these_hosts(entry: str, host: str, goes: bool) -> None:
    assert goes_directly(host, 443, ["other.example", f" {entry} "]) is goes


@given(NAMES, NAMES, st.integers(1, 65535))
def test_a_name_speaks_of_itself_and_of_all_below_it_and_of_nothing_beside_it(
    name: str, below: str, port: int
) -> None:
    assert goes_directly(name, port, [name])
    assert goes_directly(f"{below}.{name}", port, [name, f".{name}"])
    assert not goes_directly(f"x{name}", port, [name, f".{name}", f"{name}:{port}"])


@pytest.mark.parametrize("entry", ["", "<local>", "a b", "http://a", "a/b", "*.", "a:b", "é", "*a"])
def test_what_is_no_host_is_no_entry(entry: str) -> None:
    assert not is_entry(entry)


@pytest.mark.parametrize(
    "entry", ["*", "a", ".a", "*.a.b", "a:1", "10.0.0.0/8", "[::1]:443", "::1", "10.1.2.3"]
)
def test_hosts_and_networks_are_entries(entry: str) -> None:
    assert is_entry(entry)
