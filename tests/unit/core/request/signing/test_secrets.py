"""Secrets change while requests leave: old, new or both sign, and each is struck out before it does."""

from collections.abc import Sequence

import pytest

from processor.core.redaction import Secrets
from processor.core.request.signing.keys import UnusableSecretError, each_of
from processor.core.request.signing.policy import Scheme, SignaturePolicy
from processor.core.request.signing.secrets import SigningSecrets
from tests.unit.core.request.signing.signed import OTHER, SEED, SYMMETRIC

POLICY = SignaturePolicy(Scheme.STANDARD_WEBHOOKS)


def signatures(secrets: SigningSecrets) -> list[bytes]:
    return [key.sign(b"a", b"b") for key in secrets.keys]


def alone(*texts: str) -> list[bytes]:
    return signatures(SigningSecrets(POLICY, texts))


def test_others_sign_from_one_moment_to_the_next_in_their_order() -> None:
    secrets = SigningSecrets(POLICY, [SYMMETRIC])
    assert secrets.replace([SYMMETRIC, OTHER])
    assert signatures(secrets) == alone(SYMMETRIC) + alone(OTHER)
    assert secrets.replace([f"{OTHER}\n{SYMMETRIC}\n"])
    assert signatures(secrets) == alone(OTHER) + alone(SYMMETRIC)
    assert not secrets.replace([OTHER, SYMMETRIC])


@pytest.mark.parametrize(
    "wrong", [[], [""], ["  \n"], [SYMMETRIC, "whsec_short"], ["€"], ["whpk_" + "A" * 43]]
)
def test_what_cannot_be_used_replaces_nothing(wrong: Sequence[str]) -> None:
    struck = Secrets()
    secrets = SigningSecrets(POLICY, [SYMMETRIC], struck.add)
    with pytest.raises(UnusableSecretError) as raised:
        secrets.replace(wrong)
    assert not any(part in str(raised.value) for text in wrong for part in each_of(text))
    assert signatures(secrets) == alone(SYMMETRIC)


def test_a_new_secret_is_struck_out_before_it_signs() -> None:
    struck = Secrets()
    known: list[bool] = []

    def learnt(source: str, *texts: str) -> None:
        struck.add(source, *texts)
        known.append(signatures(secrets) == alone(SYMMETRIC))

    secrets = SigningSecrets(POLICY, [SYMMETRIC], learnt)
    secrets.replace([OTHER])
    assert known == [True]
    for text in (OTHER, OTHER.removeprefix("whsec_")):
        assert text not in struck.strike(f"it says {text}.")


def test_there_are_as_many_key_ids_as_secrets_or_none() -> None:
    policy = SignaturePolicy(Scheme.HTTP_MESSAGE_SIGNATURES, key_ids=("k1",))
    secrets = SigningSecrets(policy, [SYMMETRIC])
    with pytest.raises(UnusableSecretError, match="2 secrets, and 1 key id"):
        secrets.replace([SYMMETRIC, OTHER])


def test_a_private_key_and_a_symmetric_one_sign_side_by_side() -> None:
    assert [key.version for key in SigningSecrets(POLICY, [SEED, SYMMETRIC]).keys] == ["v1a", "v1"]
