"""What holds a secret, where somebody writes it into a log or an error."""

from pathlib import Path

import pytest

from processor.web.credentials.files import Changes, Secret
from processor.web.credentials.renewed import Grant
from processor.web.dialer import Dialer
from processor.web.services.aws import Platform
from processor.web.ways.ways import Way

SECRET = "hunter2"
DIALLER: Dialer = object.__new__(Dialer)


@pytest.mark.parametrize(
    "holder",
    [
        Grant(SECRET, 300.0),
        Platform("http://169.254.170.2/", None, login=SECRET),
        Secret("destination.auth.token", Path("/secrets/token"), SECRET),
        Changes({"destination.auth.token": SECRET}, {}),
        Way(DIALLER, field=f"Proxy-Authorization: Basic {SECRET}\r\n", name="through the proxy p:3128"),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_it_is_not_shown(holder: object) -> None:
    assert SECRET not in repr(holder)
    assert type(holder).__name__ in repr(holder)
