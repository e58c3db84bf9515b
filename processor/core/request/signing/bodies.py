"""Signatures of bodies: the schemes that sign what is sent, and nothing of how and where it is asked.

Promise: each is what its inventor's own verifier takes.
"""

from binascii import b2a_base64
from typing import Final

from processor.core.request.attempt_headers import Leaving
from processor.core.request.signing.policy import Scheme
from processor.core.request.signing.secrets import SigningSecrets
from processor.model import Headers

HEADERS: Final = {
    Scheme.GITHUB: "X-Hub-Signature-256",
    Scheme.STRIPE: "Stripe-Signature",
    Scheme.SEGMENT: "X-Signature",
}
"""Where signatures stand in the schemes that leave it open."""

PREFIXES: Final = {Scheme.STANDARD_WEBHOOKS: "webhook", Scheme.SVIX: "svix"}
"""What the three headers of Standard Webhooks begin with."""


class StandardWebhooks:
    """Of id, time and body, one for each secret, by the names of Standard Webhooks or of Svix.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """

    def __init__(self, prefix: str, id_header: str | None, secrets: SigningSecrets, *, to_all: bool) -> None:
        """`prefix` of the names; `id_header`: where the id stands already."""
        self._timestamp, self._signature = f"{prefix}-timestamp", f"{prefix}-signature"
        name = f"{prefix}-id"
        self._id = None if id_header is not None and id_header.lower() == name else name
        self._secrets = secrets
        self.is_for_all_hosts = to_all

    def make(self, leaving: Leaving) -> Headers:
        """Nothing where there is no id."""
        event_id = leaving.event_id
        if event_id is None:
            return ()
        second = str(int(leaving.at))
        before, body = f"{event_id}.{second}.".encode(), leaving.request.body or b""
        signed = [
            f"{key.version},{b2a_base64(key.sign(before, body), newline=False).decode()}"
            for key in self._secrets.keys
        ]
        headers = (self._timestamp, second), (self._signature, " ".join(signed))
        return headers if self._id is None else ((self._id, event_id), *headers)


class HexOfBody:
    """Of the body alone, as hexadecimal digits: GitHub's and Segment's. The first secret alone signs.

    https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    """

    def __init__(self, prefix: str, header: str, secrets: SigningSecrets, *, to_all: bool) -> None:
        self._prefix = prefix
        self._header = header
        self._secrets = secrets
        self.is_for_all_hosts = to_all

    def make(self, leaving: Leaving) -> Headers:
        signature = self._secrets.keys[0].sign(b"", leaving.request.body or b"").hex()
        return ((self._header, self._prefix + signature),)


class Stripe:
    """Of time and body, one for each secret, all in one header.

    https://docs.stripe.com/webhooks#verify-manually
    """

    def __init__(self, header: str, secrets: SigningSecrets, *, to_all: bool) -> None:
        self._header = header
        self._secrets = secrets
        self.is_for_all_hosts = to_all

    def make(self, leaving: Leaving) -> Headers:
        second = str(int(leaving.at))
        before, body = f"{second}.".encode(), leaving.request.body or b""
        signed = [f"v1={key.sign(before, body).hex()}" for key in self._secrets.keys]
        return ((self._header, ",".join((f"t={second}", *signed))),)
