"""The pictures of the page /live that the README shows: there, small, always drawn alike."""

import pytest
from playwright.async_api import Browser

from tests.browser.live_screens import SCHEMES, SIZE, path_of, photographed
from tests.browser.png import chunks, encoded

LARGEST = 200_000


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_pictures_are_there_and_small(scheme: str) -> None:
    file = path_of(scheme).read_bytes()
    parts = dict(chunks(file))
    assert len(file) < LARGEST
    assert (int.from_bytes(parts[b"IHDR"][:4], "big"), int.from_bytes(parts[b"IHDR"][4:8], "big")) == SIZE
    assert len(parts[b"IDAT"]) > 20_000


def test_a_damaged_picture_is_seen() -> None:
    file = bytearray(path_of(SCHEMES[0]).read_bytes())
    file[5_000] ^= 1
    with pytest.raises(AssertionError):
        list(chunks(bytes(file)))


def test_a_picture_has_the_colours_it_was_given() -> None:
    parts = dict(chunks(encoded(2, 2, bytes([9, 8, 7, 255, 1, 2, 3, 255, 9, 8, 7, 255, 9, 8, 7, 255]))))
    assert parts[b"PLTE"] == bytes([9, 8, 7, 1, 2, 3])


@pytest.mark.asyncio(loop_scope="session")
async def test_a_picture_drawn_twice_is_the_same(browser: Browser) -> None:
    assert await photographed(browser, "light") == await photographed(browser, "light")
