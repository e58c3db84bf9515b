"""What all tests of decisions and doors stand on."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_authorities() -> Iterator[None]:
    """No test here trusts those of the system: each client would read hundreds of certificates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", os.devnull)
        yield
