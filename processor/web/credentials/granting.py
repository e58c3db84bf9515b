"""What is fetched to prove who we are: a token of OAuth, or AWS's credentials of a workload.

Promises: who is asked is asked with the secrets of now; certificates and authorities for that are read again
where they have changed. What comes back is known as secret before anybody gets it.
"""

import contextlib
import ssl
from collections.abc import Mapping

from processor.config.destination.auth import AuthSettings
from processor.config.sources.references import text_in, without_margins
from processor.core.redaction import Secrets
from processor.core.services.aws_answers import AwsGranted
from processor.core.services.client_auth import Client
from processor.core.services.sigv4 import AwsKeys
from processor.core.services.token import Granted, Refused
from processor.errors import ConfigError
from processor.web.credentials.files import Stamp, stamp_of
from processor.web.credentials.proofs import Proofs
from processor.web.credentials.renewed import Grant, NotGrantedError
from processor.web.services import aws, oauth
from processor.web.services.service import Service
from processor.web.tls import ssl_context

SECONDS = 10.0
"""For one question."""
LARGEST_ANSWER = 64 * 1024
"""Bytes."""
SOURCE = "destination.auth token"
TLS = "destination.auth.tls"


class Granting:
    """Who asks. Raises ConfigError for TLS files that cannot be used, or where there is nobody to ask."""

    def __init__(
        self,
        auth: AuthSettings,
        proofs: Proofs,
        service: Service,
        secrets: Secrets,
        environ: Mapping[str, str],
    ) -> None:
        self._auth = auth
        self._proofs = proofs
        self._service = service
        self._secrets = secrets
        self._tls = auth.tls
        self._stamps: tuple[Stamp, ...] | None = self._stamped()
        self._context = ssl_context(auth.tls, TLS)
        self._platform = None if auth.type == "oauth2" else aws.platform(environ, str(auth.region))

    def locked_by(self, password: str) -> str:
        """The key of `tls` is encrypted with that from now on; nothing stands against it."""
        self._tls, self._stamps = self._tls.locked_by(password), None
        return ""

    async def ask(self) -> Grant[str | AwsKeys]:
        """What is granted now. Raises NotGrantedError and TransportError."""
        context = await self._service.apart(self._renewed_context)
        answer: Granted | AwsGranted | Refused
        if self._platform is not None:
            answer = await aws.ask(self._service, self._platform, context, self._learn)
        else:
            answer = await self._ask_for_token(context)
        if isinstance(answer, Refused):
            raise NotGrantedError("refused", answer.reason)
        return Grant(*answer)

    async def _ask_for_token(self, context: ssl.SSLContext) -> Granted | Refused:
        try:
            client = await self._service.apart(self._client)
            auth = self._auth
            return await oauth.ask(
                self._service, client, context, self._learn, auth.token_member, auth.default_lifetime
            )
        except (OSError, ValueError, ImportError) as error:
            raise NotGrantedError("malformed", f"it cannot be asked for: {type(error).__name__}") from None

    def _client(self) -> Client:
        """Who asks for a token now. Raises OSError and ValueError for the file of an assertion."""
        auth, text = self._auth, self._proofs.text
        asked = {"scope": " ".join(auth.scopes), "audience": auth.audience, "resource": auth.resource}
        form = {**{name: said for name, said in asked.items() if said}, **auth.parameters}
        return Client(
            url=str(auth.token_url),
            client_id=text("client_id"),
            method=auth.client_auth,
            secret=text("client_secret"),
            private_key=text("private_key"),
            assertion=without_margins(text_in(auth.assertion_file)) if auth.assertion_file else "",
            key_id=auth.key_id,
            audience=auth.assertion_audience or "",
            form=tuple(form.items()),
        )

    def _learn(self, kind: str, *texts: str) -> None:
        self._secrets.add(SOURCE + kind, *texts)

    def _renewed_context(self) -> ssl.SSLContext:
        """It may wait for a disk. What cannot be used leaves what there is."""
        stamps = self._stamped()
        if stamps != self._stamps:
            with contextlib.suppress(ConfigError, OSError):  # half of a pair was changed
                self._context, self._stamps = ssl_context(self._tls, TLS), stamps
        return self._context

    def _stamped(self) -> tuple[Stamp, ...]:
        files = self._tls.ca_file, self._tls.certificate_file, self._tls.key_file
        return tuple(stamp_of(file) if file else None for file in files)
