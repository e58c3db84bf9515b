"""What an attempt says anew: the id and its other spellings, its number; nothing where nothing is said."""

import http_sf
import pytest

from processor.core.request.signing.headers import AttemptPolicy, composed, names
from processor.core.request.signing.ids import Ids
from processor.core.request.signing.policy import Scheme, SignaturePolicy
from processor.core.request.signing.secrets import SigningSecrets
from processor.model import Headers, Partition, Request
from tests.support.builders import record
from tests.unit.core.request.signing.signed import SYMMETRIC, request

BODY = request(b"{}")


def made(
    policy: AttemptPolicy, attempt: int = 1, *, is_foreign: bool = False, topic: str = "events"
) -> Headers:
    signature = policy.signature
    signing = None if signature is None else SigningSecrets(signature, [SYMMETRIC])
    maker = composed(policy, Ids(), signing)
    assert maker is not None
    at = record(1, partition=Partition(topic, 0))
    return maker.make(BODY, at, 1764252000.0, attempt, is_foreign=is_foreign)


def test_where_nothing_is_said_nobody_makes_headers() -> None:
    assert composed(AttemptPolicy(), None, None) is None
    assert composed(AttemptPolicy(), Ids(), None) is None


def test_the_id_alone_stands_in_a_header_of_its_own() -> None:
    assert made(AttemptPolicy("webhook-id")) == (("webhook-id", "events-0-1-0"),)
    assert made(AttemptPolicy("webhook-id"), topic="") == ()
    assert names(AttemptPolicy("webhook-id")) == [("webhook-id", "destination.id.header")]


def test_the_idempotency_key_is_the_id_bare_or_as_a_structured_field() -> None:
    bare = AttemptPolicy("webhook-id", "Idempotency-Key")
    assert made(bare) == (("webhook-id", "events-0-1-0"), ("Idempotency-Key", "events-0-1-0"))
    quoted = dict(made(AttemptPolicy(None, "Idempotency-Key", is_quoted=True)))
    assert http_sf.parse(quoted["Idempotency-Key"].encode(), tltype="item") == ("events-0-1-0", {})
    assert made(bare, topic="") == ()


def test_the_number_of_the_attempt_is_told_where_that_is_asked_for() -> None:
    policy = AttemptPolicy(attempt_header="webhook-attempt")
    assert [made(policy, number) for number in (1, 2)] == [(("webhook-attempt", n),) for n in "12"]


def test_a_header_that_holds_one_signature_is_that_of_the_first_secret() -> None:
    assert {scheme for scheme in Scheme if scheme.has_one} == {Scheme.GITHUB, Scheme.SEGMENT}


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("is_for_all_hosts", [True, False])
def test_all_that_is_made_has_a_name_that_is_known_before_and_only_proof_is_kept_from_foreign_hosts(
    scheme: Scheme, is_for_all_hosts: bool
) -> None:
    signature = SignaturePolicy(
        scheme, "X-S", ("@method", "content-digest"), is_for_all_hosts=is_for_all_hosts
    )
    policy = AttemptPolicy("webhook-id", "Idempotency-Key", attempt_header="N", signature=signature)
    own, foreign = made(policy), made(policy, is_foreign=True)
    assert {name for name, _ in own} == {name for name, _ in names(policy)}
    plain = {"webhook-id", "Idempotency-Key", "N"}
    assert {name for name, _ in foreign} == ({name for name, _ in own} if is_for_all_hosts else plain)


def test_without_an_id_there_is_no_signature_of_one() -> None:
    policy = AttemptPolicy("webhook-id", signature=SignaturePolicy(Scheme.STANDARD_WEBHOOKS))
    assert made(policy, topic="") == ()


def test_what_stands_before_the_signature_may_be_covered_by_it() -> None:
    class Trace:
        is_for_all_hosts = True

        def make(self, leaving: object) -> Headers:
            return (("traceparent", "00-1"),)

    signature = SignaturePolicy(Scheme.HTTP_MESSAGE_SIGNATURES, components=("traceparent", "webhook-id"))
    policy = AttemptPolicy("webhook-id", signature=signature)
    maker = composed(policy, Ids(), SigningSecrets(signature, [SYMMETRIC]), Trace())
    assert maker is not None
    said = dict(maker.make(Request("POST", "https://h/", (), b""), record(), 1.0, 1, is_foreign=False))
    assert '("traceparent" "webhook-id")' in said["Signature-Input"]
