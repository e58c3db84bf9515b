"""The image as it is built from the Dockerfile, once for the whole run."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.deploy import dockerfile
from tests.packaging.deploy.rootfs import Rootfs, carried_out, refusal
from tests.support.not_tested import not_tested

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def image() -> Iterator[Rootfs]:
    """The last stage of the Dockerfile, all steps carried out."""
    if why := refusal():
        not_tested(f"the image, which is built without Docker in namespaces of Linux, as root: {why}")
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
        yield carried_out(dockerfile.read(text), Path(folder), ROOT)
