"""Certificates for the tests of TLS."""

import pytest
import trustme


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The authority that endpoints are certified by."""
    return trustme.CA(organization_name="the right one")


@pytest.fixture(scope="session")
def stranger() -> trustme.CA:
    """An authority that nobody trusts."""
    return trustme.CA(organization_name="a stranger")
