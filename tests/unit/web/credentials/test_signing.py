"""Secrets that sign, in files that change."""

from pathlib import Path

from processor.core.request.signing.policy import Scheme, SignaturePolicy
from processor.core.request.signing.secrets import SOURCE, SigningSecrets
from processor.web.credentials.signing import watched

OLD, NEW = "a-secret-of-github", "another-one"
WHOLE, OTHER = (f"whsec_{digit * 32}" for digit in "AB")


def signing(*texts: str) -> SigningSecrets:
    return SigningSecrets(SignaturePolicy(Scheme.GITHUB, header="X-Hub-Signature-256"), texts)


def signature(secrets: SigningSecrets) -> list[bytes]:
    return [key.sign(b"", b"{}") for key in secrets.keys]


def test_one_of_several_is_replaced_in_its_place(tmp_path: Path) -> None:
    secrets = signing(OLD, OLD)
    ((secret, told),) = watched([OLD, OLD], {f"{SOURCE}.1": tmp_path, "destination.url": tmp_path}, secrets)
    assert (secret.name, secret.text) == (f"{SOURCE}.1", OLD)
    assert told(NEW) == ""
    assert signature(secrets) == signature(signing(OLD, NEW))


def test_a_file_may_hold_all_of_them(tmp_path: Path) -> None:
    secrets = signing(OLD)
    ((secret, told),) = watched([OLD], {SOURCE: tmp_path}, secrets)
    assert told(f"{NEW}, {OLD}") == ""
    assert signature(secrets) == signature(signing(NEW, OLD))
    assert secret.name == SOURCE


def test_what_cannot_sign_is_told_and_leaves_those_before(tmp_path: Path) -> None:
    policy = SignaturePolicy(Scheme.STANDARD_WEBHOOKS, header="webhook-signature")
    secrets = SigningSecrets(policy, ["whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM="])
    before = signature(secrets)
    ((_, told),) = watched(["x"], {f"{SOURCE}.0": tmp_path}, secrets)
    assert told("whsec_AA==")
    assert signature(secrets) == before


def test_one_that_cannot_sign_keeps_no_other_from_being_replaced(tmp_path: Path) -> None:
    secrets = SigningSecrets(SignaturePolicy(Scheme.STANDARD_WEBHOOKS), [WHOLE, WHOLE])
    files = {f"{SOURCE}.0": tmp_path, f"{SOURCE}.1": tmp_path}
    (_, first), (_, second) = watched([WHOLE, WHOLE], files, secrets)
    assert first("whsec_AA==")
    assert second(OTHER) == ""
    assert signature(secrets) == signature(
        SigningSecrets(SignaturePolicy(Scheme.STANDARD_WEBHOOKS), [WHOLE, OTHER])
    )
    assert first(OTHER) == ""
    assert signature(secrets) == signature(
        SigningSecrets(SignaturePolicy(Scheme.STANDARD_WEBHOOKS), [OTHER, OTHER])
    )


def test_two_that_can_sign_together_alone_are_used_together(tmp_path: Path) -> None:
    policy = SignaturePolicy(Scheme.HTTP_MESSAGE_SIGNATURES, key_ids=("a", "b", "c"))
    secrets = SigningSecrets(policy, [f"{WHOLE}\n{WHOLE}", WHOLE])
    files = {f"{SOURCE}.0": tmp_path, f"{SOURCE}.1": tmp_path}
    (_, first), (_, second) = watched([f"{WHOLE}\n{WHOLE}", WHOLE], files, secrets)
    assert "key ids" in first(OTHER)
    assert second(f"{WHOLE}\n{WHOLE}") == ""
    assert signature(secrets) == signature(SigningSecrets(policy, [OTHER, WHOLE, WHOLE]))
