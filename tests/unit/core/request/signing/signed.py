"""Requests, and what signs them, by few words."""

from typing import Any

from processor.core.request.signing.headers import AttemptPolicy, composed
from processor.core.request.signing.ids import Ids
from processor.core.request.signing.policy import Scheme, SignaturePolicy
from processor.core.request.signing.secrets import SigningSecrets
from processor.model import Headers, Request
from tests.support.builders import record

URL = "https://crm.example.com/hooks"
SYMMETRIC = "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM="
OTHER = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
SEED = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NAMES = {Scheme.GITHUB: "X-Hub-Signature-256", Scheme.STRIPE: "Stripe-Signature"}


def request(body: bytes | None, *, method: str = "POST", url: str = URL, headers: Headers = ()) -> Request:
    """A request to be signed."""
    return Request(method, url, headers, body)


def signed(
    scheme: Scheme,
    secrets: list[str],
    asked: Request,
    *,
    event_id: str = "events-0-1",
    at: float = 1764252000.9,
    id_header: str | None = "webhook-id",
    **said: Any,
) -> dict[str, str]:
    """The headers of an attempt at `asked`."""
    policy = SignaturePolicy(scheme, header=said.pop("header", NAMES.get(scheme, "X-Signature")), **said)
    made = composed(
        AttemptPolicy(id_header=id_header, signature=policy), Ids(), SigningSecrets(policy, secrets)
    )
    assert made is not None
    headers = made.make(asked._replace(id=event_id), record(), at, 1, is_foreign=False)
    assert len(dict(headers)) == len(headers)
    return dict(headers)
