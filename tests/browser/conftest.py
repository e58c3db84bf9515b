"""A browser for the tests of the page /live."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.browser import live_browser
from tests.browser.live_site import Site
from tests.support.not_tested import not_tested


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
