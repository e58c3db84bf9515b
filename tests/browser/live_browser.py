"""A headless Chromium that looks at the page /live, wherever it is served, and reports what it objects to."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, async_playwright, expect

from tests.support.patience import PATIENCE

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-lcd-text",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=PATIENCE * 1000)


@dataclass
class Look:
    """One page in a profile of its own, and what the browser said meanwhile."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def rows(self) -> Locator:
        """The rows of entries, not the marks between them."""
        return self.page.locator("#rows tr[data-outcome]")

    def cells(self, column: str) -> Locator:
        """One column of the rows."""
        return self.page.locator(f"#rows td.{column}:not(.note)")

    @property
    def details(self) -> Locator:
        """The pane beside the table."""
        return self.page.get_by_role("complementary")

    def text(self, place: str) -> Locator:
        """What has this id."""
        return self.page.locator(f"#{place}")

    def heard(self, message: ConsoleMessage) -> None:
        """A refused or broken stream is logged by the browser itself: it is what the test made."""
        ours = "/live/events" in message.location["url"] and message.text.startswith(
            "Failed to load resource"
        )
        if message.type in ("error", "warning") and not ours:
            self.complaints.append(message.text)

    def judge(self, origin: str) -> None:
        """Nothing was complained of and nothing left the origin."""
        assert self.complaints == []
        assert self.requests
        assert [url for url in self.requests if not url.startswith(f"{origin}/")] == []


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser; it has to be on the machine."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def looking(
    browser: Browser, url: str, *, at: float | None = None, **options: Any
) -> AsyncIterator[Look]:
    """The page at `url` in an empty profile; what the browser objected to fails at the end.

    `at` stops the page's clock there (seconds since 1970) until the test moves it.
    """
    settings = {"viewport": {"width": 1280, "height": 800}, "timezone_id": "UTC", "locale": "en-GB"}
    context = await browser.new_context(**settings | options)
    page = await context.new_page()
    look = Look(page)
    page.on("console", look.heard)
    page.on("pageerror", lambda error: look.complaints.append(str(error)))
    page.on("request", lambda request: look.requests.append(request.url))
    if at is not None:
        await page.clock.install(time=at - PATIENCE)  # it goes on until the next line has come through
        await page.clock.pause_at(at + 1)
    try:
        await page.goto(url)
        yield look
        await page.evaluate("1")
        look.judge("{0.scheme}://{0.netloc}".format(urlsplit(url)))
    finally:
        await context.close()
