"""Certificates for the tests of TLS, and a browser for those of the page /live."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import trustme
from playwright.async_api import Browser

from tests.not_tested import not_tested
from tests.web import live_browser
from tests.web.live_site import Site


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The authority that endpoints are certified by."""
    return trustme.CA(organization_name="the right one")


@pytest.fixture(scope="session")
def stranger() -> trustme.CA:
    """An authority that nobody trusts."""
    return trustme.CA(organization_name="a stranger")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for the whole run."""
    if not live_browser.CHROMIUM:
        not_tested("the page: no Chromium; install it, or set CHROMIUM")
    async with live_browser.chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def site() -> AsyncIterator[Site]:
    """What the page talks to."""
    async with Site() as serving:
        yield serving
