"""What all tests of decisions and doors stand on."""

import logging
import os
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(scope="session", autouse=True)
def no_authorities() -> Iterator[None]:
    """No test here trusts those of the system: each client would read hundreds of certificates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", os.devnull)
        yield


@pytest.fixture
def log_as_before() -> Iterator[None]:
    """Logging as the test found it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)
