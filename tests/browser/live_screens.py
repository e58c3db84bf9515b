"""`python -m tests.browser.live_screens` draws the page /live, light and dark, as the README shows it.

What is drawn is fixed: entries, clock, time zone and size; so a new picture means a changed page.
"""

import asyncio
import base64
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.browser.live_browser import chromium, looking
from tests.browser.live_entries import NOON, mix
from tests.browser.live_site import Site
from tests.browser.png import encoded

FOLDER = Path(__file__).parents[2] / "deploy" / "images"
SCHEMES = ("light", "dark")
SIZE = (1280, 800)
_PIXELS = """async ([picture, width, height]) => {
    const image = Object.assign(new Image(), { src: `data:image/png;base64,${picture}` });
    await image.decode();
    const canvas = new OffscreenCanvas(width, height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    return new Uint8Array(canvas.getImageData(0, 0, width, height).data.buffer).toBase64();
}"""


def path_of(scheme: str) -> Path:
    """Where the picture of a colour scheme is."""
    return FOLDER / f"live-{scheme}.png"


async def photographed(browser: Browser, scheme: str) -> bytes:
    """A table in slight trouble, a dead letter open beside it; as the browser writes it, PNG."""
    async with (
        Site(workers=2) as site,
        looking(browser, site.url, at=NOON + 4, color_scheme=scheme, reduced_motion="reduce") as look,
    ):
        await site.watched()
        site.send(*mix(), unseen=212)
        await expect(look.rows).to_have_count(40)
        await look.page.locator("#rows tr[data-outcome=dead_lettered]").first.click()
        await expect(look.details).to_be_visible()
        await look.page.mouse.move(0, 0)
        return await look.page.screenshot()


async def pixels_of(browser: Browser, picture: bytes) -> bytes:
    """Red, green, blue and opacity of every pixel."""
    page = await browser.new_page()
    answer = await page.evaluate(_PIXELS, [base64.b64encode(picture).decode(), *SIZE])
    await page.close()
    return base64.b64decode(answer)


async def main() -> None:
    """Both pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with chromium() as browser:
        for scheme in SCHEMES:
            picture = await photographed(browser, scheme)
            path_of(scheme).write_bytes(encoded(*SIZE, await pixels_of(browser, picture)))


if __name__ == "__main__":
    asyncio.run(main())
