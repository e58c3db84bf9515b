"""Where the admin port can be reached: both kinds of addresses by default, one where one was asked for."""

import errno
import socket

import pytest

from processor.admin.listening import authority, listening, refusal
from processor.admin.server import Admin
from processor.config.operators import AdminSettings
from processor.errors import ConfigError, FatalError
from tests.unit.admin.test_server import Shown, page
from tests.unit.admin.test_server import listening as admin


def can_have_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not can_have_ipv6(), reason="this machine has no IPv6")


async def is_reached(port: int, at: str) -> bool:
    try:
        return (await page(port, "GET /livez HTTP/1.1", at=at)).status == 200
    except OSError:
        return False


@needs_ipv6
@pytest.mark.parametrize(
    ("host", "on_ipv4", "on_ipv6"),
    [
        ("::", True, True),
        ("", True, True),
        ("0.0.0.0", True, False),
        ("127.0.0.1", True, False),
        ("::1", False, True),
        ("[::1]", False, True),
    ],
)
async def test_it_is_reached_where_it_was_told_to_be(host: str, on_ipv4: bool, on_ipv6: bool) -> None:
    async with admin(host=host) as port:
        assert (await is_reached(port, "127.0.0.1"), await is_reached(port, "::1")) == (on_ipv4, on_ipv6)


@pytest.mark.parametrize("host", ["", "::"])
async def test_where_there_is_no_ipv6_all_of_ipv4_is_reached(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(socket, "has_ipv6", False)
    async with admin(host=host) as port:
        assert await is_reached(port, "127.0.0.1")


async def test_all_addresses_of_a_name_have_the_same_port() -> None:
    sockets = await listening("localhost", 0)
    assert len({each.getsockname()[1] for each in sockets}) == 1
    for each in sockets:
        each.close()


async def test_a_port_that_is_taken_on_ipv4_is_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        for host in ("", "::", "0.0.0.0"):
            with pytest.raises(OSError, match="Address already in use"):
                await listening(host, taken.getsockname()[1])


async def test_a_name_that_is_none_is_an_error() -> None:
    with pytest.raises(OSError, match="Name or service not known"):
        await listening("no such name", 0)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("", "[::]:80"),
        ("::", "[::]:80"),
        ("::1", "[::1]:80"),
        ("[::1]", "[::1]:80"),
        ("0.0.0.0", "0.0.0.0:80"),
        ("localhost", "localhost:80"),
    ],
)
def test_addresses_are_shown_as_urls_have_them(host: str, shown: str) -> None:
    assert authority(host, 80) == shown


@pytest.mark.parametrize("host", ["192.0.2.1", "fe80::1%nope", "nosuch.invalid", f"{'a' * 64}.invalid"])
async def test_an_address_that_is_not_ours_is_a_fault_of_the_configuration(host: str) -> None:
    settings = AdminSettings.model_construct(host=host, port=0, token=None, allowed_hosts=[])
    with pytest.raises((ConfigError, FatalError)) as raised:
        await Admin(settings, Shown()).open()
    if isinstance(raised.value, ConfigError):
        assert str(raised.value).startswith(f"admin.host: cannot listen on {authority(host, 0)}: ")
        assert "leave it out for all of them" in str(raised.value)
    else:  # a name server that does not answer
        assert host.endswith(".invalid")


def test_what_may_be_over_by_the_next_start_is_no_fault_of_the_configuration() -> None:
    for error in (OSError(errno.EADDRINUSE, "taken"), socket.gaierror(socket.EAI_AGAIN, "try again")):
        assert isinstance(refusal(error, "h", 80), FatalError)


def test_a_port_for_privileged_users_is_named_with_its_setting() -> None:
    told = refusal(PermissionError(errno.EACCES, "Permission denied"), "::", 80)
    assert str(told) == (
        "admin.port: cannot listen on [::]:80: Permission denied (set it to 1024 or above; those below are "
        "for privileged users)"
    )
