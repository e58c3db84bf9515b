"""How requests are signed: the scheme, and what of it can be chosen."""

from dataclasses import dataclass
from enum import StrEnum


class Scheme(StrEnum):
    """Who made up how a request is signed."""

    STANDARD_WEBHOOKS = "standard_webhooks"
    SVIX = "svix"
    """The same with its own names."""
    GITHUB = "github"
    STRIPE = "stripe"
    SEGMENT = "segment"
    """Segment's and Customer.io's: HMAC-SHA1."""
    HTTP_MESSAGE_SIGNATURES = "http_message_signatures"
    """RFC 9421."""

    @property
    def covers_chosen_parts(self) -> bool:
        """Whether it is said what it covers; else it is the body, and with some the id and the time."""
        return self is Scheme.HTTP_MESSAGE_SIGNATURES

    @property
    def has_id(self) -> bool:
        """Whether there is no signature without an id."""
        return self in (Scheme.STANDARD_WEBHOOKS, Scheme.SVIX)

    @property
    def has_one(self) -> bool:
        """Whether its header holds one signature, so that the first secret alone signs."""
        return self in (Scheme.GITHUB, Scheme.SEGMENT)


class Algorithm(StrEnum):
    """What RFC 9421 signs with, by its names in the registry of the IANA."""

    HMAC_SHA256 = "hmac-sha256"
    ED25519 = "ed25519"


class Digest(StrEnum):
    """What `Content-Digest` is made with (RFC 9530)."""

    SHA_256 = "sha-256"
    SHA_512 = "sha-512"


@dataclass(frozen=True, slots=True)
class SignaturePolicy:
    """What a signature is, but for its secrets; what stands behind `header` is RFC 9421's alone."""

    scheme: Scheme
    header: str = ""
    """Where the signature stands, in a scheme that leaves it open."""
    components: tuple[str, ...] = ()
    key_ids: tuple[str, ...] = ()
    """As many as there are secrets, or none."""
    algorithm: Algorithm = Algorithm.HMAC_SHA256
    digest: Digest = Digest.SHA_256
    label: str = "sig1"
    names_algorithm: bool = True
    expires_after: int | None = None
    """Seconds from when it is made."""
    has_nonce: bool = False
    """Whether the event's id stands in it as its nonce."""
    tag: str | None = None
    is_for_all_hosts: bool = False
    """Whether hosts that events name get one."""
