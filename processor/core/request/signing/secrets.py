"""The secrets that sign: several while they rotate, and others from one moment to the next.

Promises: what cannot be used replaces nothing; a new secret is known as one before it signs for the first
time; a request is signed by those of one moment, all of them.
"""

from collections.abc import Callable, Iterable

from processor.core.request.signing.keys import Key, UnusableSecretError, each_of, key, parts
from processor.core.request.signing.policy import SignaturePolicy

SOURCE = "destination.signature.secrets"
"""Their name among the secrets of the process."""


def _nobody(source: str, *texts: str) -> None:
    """Nobody strikes them out."""


class SigningSecrets:
    """Those of one destination. Raises UnusableSecretError."""

    def __init__(
        self, policy: SignaturePolicy, texts: Iterable[str], learnt: Callable[..., None] = _nobody
    ) -> None:
        """`learnt` is told a source and its secrets, before they sign, but for those of the beginning."""
        self._policy = policy
        self._learnt = learnt
        self._texts = tuple(_each(texts))
        self.keys = self._made(self._texts)
        """In the order in which they sign."""

    def replace(self, texts: Iterable[str]) -> bool:
        """Sign with these from now on, each text one secret or one a line; whether they are others.

        Raises UnusableSecretError: then those before go on signing.
        """
        said = tuple(_each(texts))
        if said == self._texts:
            return False
        made = self._made(said)
        self._learnt(SOURCE, *(part for text in said for part in parts(text)))
        self._texts, self.keys = said, made
        return True

    def _made(self, texts: tuple[str, ...]) -> tuple[Key, ...]:
        policy = self._policy
        if not texts:
            raise UnusableSecretError("there is none")
        if policy.key_ids and len(policy.key_ids) != len(texts):
            raise UnusableSecretError(f"there are {len(texts)} secrets, and {len(policy.key_ids)} key ids")
        return tuple(key(policy.scheme, policy.algorithm, text) for text in texts)


def _each(texts: Iterable[str]) -> Iterable[str]:
    return (each for text in texts for each in each_of(text))
