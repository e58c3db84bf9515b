"""What holds a secret, where somebody writes it into a log or an error."""

import pytest

from processor.core.services.aws_answers import AwsGranted
from processor.core.services.client_auth import Client, question
from processor.core.services.proof import Proof
from processor.core.services.sigv4 import AwsKeys
from processor.core.services.token import Granted

SECRET = "hunter2"
BASIC = Client(url="https://issuer.example/", client_id="crm", secret=SECRET, form=(("password", SECRET),))
POST = Client(url="https://issuer.example/", client_id="crm", secret=SECRET, method="post")


@pytest.mark.parametrize(
    "holder",
    [
        AwsKeys("AKID", SECRET, SECRET),
        AwsGranted(AwsKeys("AKID", SECRET), 900.0),
        Granted(SECRET, 300.0),
        BASIC,
        question(BASIC, 0.0, "1"),
        question(POST, 0.0, "1"),
        Proof((("Authorization", SECRET),), query=("key", SECRET)),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_it_is_not_shown(holder: object) -> None:
    assert SECRET not in repr(holder)
    assert type(holder).__name__ in repr(holder)
