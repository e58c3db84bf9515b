"""The image as it is built from the Dockerfile, once for the whole run."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.deploy import dockerfile
from tests.deploy.rootfs import Rootfs, carried_out

ROOT = Path(__file__).parents[2]


def give_up(missing: str) -> NoReturn:
    """Skip and say so; with CI=true fail, since nobody would read it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"NOT TESTED: {missing}", pytrace=False)
    pytest.skip(f"NOT TESTED: {missing}")


@pytest.fixture(scope="session")
def image() -> Iterator[Rootfs]:
    """The last stage of the Dockerfile, all steps carried out."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare"):
        give_up("building the image without Docker needs Linux and root")
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
        yield carried_out(dockerfile.read(text), Path(folder), ROOT)
