"""Certificates for the tests of TLS, and a browser for those of the page /live.

Where there is no Chromium the tests that look at the page are skipped, which one red line at the end of the
run says. With CI=true they fail instead.
"""

import os
from collections.abc import AsyncIterator
from typing import NoReturn

import pytest
import pytest_asyncio
import trustme
from playwright.async_api import Browser

from tests.web import live_browser
from tests.web.live_site import Site

NOT_TESTED = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The authority that endpoints are certified by."""
    return trustme.CA(organization_name="the right one")


@pytest.fixture(scope="session")
def stranger() -> trustme.CA:
    """An authority that nobody trusts."""
    return trustme.CA(organization_name="a stranger")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    """One browser for the whole run."""
    if not live_browser.CHROMIUM:
        not_tested(request.config, "no Chromium; install it, or set CHROMIUM")
    async with live_browser.chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def site() -> AsyncIterator[Site]:
    """What the page talks to."""
    async with Site() as serving:
        yield serving


def not_tested(config: pytest.Config, why: str) -> NoReturn:
    """Skip and say so at the end; fail where CI=true."""
    config.stash[NOT_TESTED] = why
    if os.environ.get("CI") == "true":
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The one line."""
    if NOT_TESTED in config.stash:
        terminalreporter.write_line(f"PAGE NOT TESTED: {config.stash[NOT_TESTED]}", red=True, bold=True)
