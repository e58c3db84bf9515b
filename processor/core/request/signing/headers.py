"""Attempt headers by what was said of them: the id, its other spellings, the attempt's number, a signature.

Promise: with nothing said nobody makes any, and nothing is paid for it.
"""

from dataclasses import dataclass

from processor.core.request.attempt_headers import AttemptHeaders, Composed, Leaving, Part
from processor.core.request.signing.bodies import PREFIXES, HexOfBody, StandardWebhooks, Stripe
from processor.core.request.signing.ids import Ids
from processor.core.request.signing.message_signatures import DIGEST, DIGEST_HEADER, NAMES, MessageSignatures
from processor.core.request.signing.policy import Scheme, SignaturePolicy
from processor.core.request.signing.secrets import SigningSecrets
from processor.model import Headers


@dataclass(frozen=True, slots=True)
class AttemptPolicy:
    """What each attempt says anew; None: not that. Names of headers as they go out."""

    id_header: str | None = None
    idempotency_header: str | None = None
    is_quoted: bool = False
    """Whether the idempotency key is a string of a structured field."""
    attempt_header: str | None = None
    signature: SignaturePolicy | None = None


class IdempotencyKey:
    """The id, for endpoints that keep what they answered by it.

    https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
    """

    is_for_all_hosts = True

    def __init__(self, header: str, *, is_quoted: bool) -> None:
        self._header = header
        self._is_quoted = is_quoted

    def make(self, leaving: Leaving) -> Headers:
        key = leaving.event_id
        if key is None:
            return ()
        return ((self._header, f'"{key}"' if self._is_quoted else key),)


class Number:
    """Which attempt it is of its record in this process, from 1 on."""

    is_for_all_hosts = True

    def __init__(self, header: str) -> None:
        self._header = header

    def make(self, leaving: Leaving) -> Headers:
        return ((self._header, str(leaving.attempt)),)


def names(policy: AttemptPolicy) -> list[tuple[str, str]]:
    """The headers that may be made, each with the setting that asks for it."""
    asked = (
        (policy.id_header, "destination.id.header"),
        (policy.idempotency_header, "destination.idempotency_key.header"),
        (policy.attempt_header, "destination.attempt_header"),
    )
    found = [(name, setting) for name, setting in asked if name is not None]
    if (said := policy.signature) is not None:
        found += [(name, "destination.signature") for name in _names(said, policy.id_header)]
    return found


def _names(said: SignaturePolicy, id_header: str | None) -> list[str]:
    if said.scheme.has_id:
        prefix = PREFIXES[said.scheme]
        own = [f"{prefix}-id", f"{prefix}-timestamp", f"{prefix}-signature"]
        return [name for name in own if id_header is None or name != id_header.lower()]
    if said.scheme.covers_chosen_parts:
        return [*NAMES, *([DIGEST_HEADER] if DIGEST in said.components else [])]
    return [said.header]


def composed(
    policy: AttemptPolicy, ids: Ids | None, secrets: SigningSecrets | None, *others: Part
) -> AttemptHeaders | None:
    """Who makes them; `others` stand before the signature, which may cover them. None: there are none."""
    parts: list[Part] = []
    if ids is not None and policy.idempotency_header is not None:
        parts.append(IdempotencyKey(policy.idempotency_header, is_quoted=policy.is_quoted))
    if policy.attempt_header is not None:
        parts.append(Number(policy.attempt_header))
    parts += others
    if policy.signature is not None and secrets is not None:
        parts.append(_signature(policy.signature, policy.id_header, secrets))
    if policy.id_header is None and not parts:
        return None
    return Composed(ids, policy.id_header, parts)


def _signature(policy: SignaturePolicy, id_header: str | None, secrets: SigningSecrets) -> Part:
    to_all = policy.is_for_all_hosts
    if policy.scheme.has_id:
        return StandardWebhooks(PREFIXES[policy.scheme], id_header, secrets, to_all=to_all)
    if policy.scheme.covers_chosen_parts:
        return MessageSignatures(policy, secrets)
    if policy.scheme is Scheme.STRIPE:
        return Stripe(policy.header, secrets, to_all=to_all)
    prefix = "sha256=" if policy.scheme is Scheme.GITHUB else ""
    return HexOfBody(prefix, policy.header, secrets, to_all=to_all)
