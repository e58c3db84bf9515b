"""A name that a stranger could have registered is told from all others."""

import pytest

from processor.core.request.host_names import is_no_strangers, is_place

OURS = ("live.example.com",)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "localhost",
        "LOCALHOST",
        "app.localhost",
        "processor",
        "processor_1",
        "127.0.0.1",
        "10.1.2.3",
        "[::1]",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
        "processor.monitoring.svc",
        "processor.monitoring.svc.cluster.local",
        "processor.monitoring.svc.cluster.local.",
        "ip-10-0-0-1.ec2.internal",
        "live.example.com",
        "Live.Example.com",
    ],
)
@pytest.mark.parametrize("port", ["", ":8080", ":"])
def test_addresses_reserved_names_and_ours_are_no_strangers(name: str, port: str) -> None:
    assert is_no_strangers(name + port, OURS)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "local.evil.example",
        "127.0.0.1.evil.example",
        "xlive.example.com",
        "live.example.com.evil.example",
        "svc.com",
        "1.2.3",
        "[1.2]",
        "a b",
        "evil.example/.local",
        "evil.example#.local",
        "user@evil.example",
        "evil.example:80:.local",
        "é.local",
    ],
)
def test_all_others_could_be_a_strangers(host: str) -> None:
    assert not is_no_strangers(host, OURS)


@pytest.mark.parametrize(
    "host", ["", "::", "0.0.0.0", "[::1]", "fe80::1%eth0", "localhost", "a-b.c_d.example", "h.", "a" * 63]
)
def test_an_address_or_a_name_is_a_place_to_listen(host: str) -> None:
    assert is_place(host)


@pytest.mark.parametrize(
    "host", ["http://h", "0.0.0.0:80", "a b", "*", ".", "a..b", "-", "::g", "é", "a" * 64, "a." * 200, "[h]"]
)
def test_what_no_machine_can_be_called_is_none(host: str) -> None:
    assert not is_place(host)
