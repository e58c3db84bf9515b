"""What is made of the settings of ids and signatures: policies, and who makes the headers."""

from processor.config.destination.endpoint import DestinationSettings
from processor.config.destination.secrets import signing_texts
from processor.config.destination.signature import FROM_HEADER, OFF
from processor.core.redaction import Secrets
from processor.core.request.attempt_headers import AttemptHeaders
from processor.core.request.signing.bodies import HEADERS
from processor.core.request.signing.headers import AttemptPolicy, composed, names
from processor.core.request.signing.ids import MESSAGE_ID, Ids
from processor.core.request.signing.message_signatures import DIGEST
from processor.core.request.signing.policy import SignaturePolicy
from processor.core.request.signing.secrets import SigningSecrets
from processor.core.request.transform import Method

_WITH_KEYS = (Method.POST, Method.PATCH)
"""Methods that do something twice when they are asked twice."""


def has_ids(destination: DestinationSettings) -> bool:
    """Whether events have ids."""
    return destination.id.source != OFF


def has_idempotency_key(destination: DestinationSettings) -> bool:
    """Whether requests carry one."""
    return (
        destination.idempotency_key.header is not None
        and has_ids(destination)
        and destination.method in _WITH_KEYS
    )


def id_member(destination: DestinationSettings) -> str | None:
    """Which member of an event says its id."""
    return MESSAGE_ID if destination.id.source == "message_id" else None


def ids(destination: DestinationSettings) -> Ids | None:
    """The ids of events."""
    if not has_ids(destination):
        return None
    source = destination.id.source
    header = source.removeprefix(FROM_HEADER) if source.startswith(FROM_HEADER) else None
    return Ids(header, are_said=id_member(destination) is not None)


def attempt_policy(destination: DestinationSettings) -> AttemptPolicy:
    """What each attempt says anew."""
    key = destination.idempotency_key
    return AttemptPolicy(
        id_header=destination.id.header if has_ids(destination) else None,
        idempotency_header=key.header if has_idempotency_key(destination) else None,
        is_quoted=key.format == "quoted",
        attempt_header=destination.attempt_header,
        signature=signature_policy(destination),
    )


def signature_policy(destination: DestinationSettings) -> SignaturePolicy | None:
    """How requests are signed."""
    said = destination.signature
    if said.scheme is None:
        return None
    return SignaturePolicy(
        said.scheme,
        header=said.header or HEADERS.get(said.scheme, ""),
        components=components(destination) if said.scheme.covers_chosen_parts else (),
        key_ids=tuple(said.key_id),
        algorithm=said.algorithm,
        digest=said.content_digest,
        label=said.label,
        names_algorithm=said.algorithm_parameter,
        expires_after=said.expires_after,
        has_nonce=said.nonce,
        tag=said.tag,
        is_for_all_hosts=destination.allowed_hosts_get_secrets,
    )


def components(destination: DestinationSettings) -> tuple[str, ...]:
    """What a message signature covers: as it is said, else all that says what is asked of whom."""
    if destination.signature.components:
        return tuple(each.lower() for each in destination.signature.components)
    of_body = (DIGEST, "content-type") if destination.method.has_body else ()
    id_header = destination.id.header if has_ids(destination) else None
    return ("@method", "@target-uri", *of_body, *([] if id_header is None else [id_header.lower()]))


def made_headers(destination: DestinationSettings) -> list[tuple[str, str]]:
    """The headers that are made for each attempt, each with the setting that asks for it."""
    return names(attempt_policy(destination))


def attempt_headers(
    destination: DestinationSettings, secrets: SigningSecrets | None
) -> AttemptHeaders | None:
    """Who makes what each attempt says anew."""
    return composed(attempt_policy(destination), ids(destination), secrets)


def signing_secrets(destination: DestinationSettings, secrets: Secrets) -> SigningSecrets | None:
    """The secrets that sign. Raises UnusableSecretError."""
    policy = signature_policy(destination)
    return None if policy is None else SigningSecrets(policy, signing_texts(destination), secrets.add)
