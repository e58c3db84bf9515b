"""Who we are to the webhook: a login, a token, a key, or what a token endpoint or a cloud gives.

Promise: names of headers that we set an event cannot, unless the operator says so.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr

from processor.config.destination.tls import IdentitySettings
from processor.config.services.registry import ServiceUrl
from processor.config.values.statuses import Statuses
from processor.config.values.types import File, MayHaveLines, Section, Texts, mapping, or_reference

Type = Literal["none", "basic", "bearer", "api_key", "oauth2", "aws_sigv4"]
ClientAuth = Literal["basic", "post", "private_key_jwt", "client_secret_jwt", "assertion_file", "mtls"]
Secret = SecretStr | None

_WORD = r"^[A-Za-z0-9-]{1,64}$"
_AWS_HEADERS = frozenset(("authorization", "x-amz-date", "x-amz-security-token"))


def _secret(description: str) -> Any:
    return Field(None, description=description, json_schema_extra=or_reference)


class AuthSettings(Section):
    """Who we are; which of the others belong to a `type` its description says."""

    type: Type = Field(
        "none",
        description="How requests say who sends them: `basic` (`username`, `password`), `bearer` (`token`), "
        "`api_key` (`name`, `value`, `in`), `oauth2` (client credentials: `token_url`, `client_id` and what "
        "follows), `aws_sigv4` (`region`, `service`, and keys or what the platform gives), or `none`.",
    )
    username: Secret = _secret("The login's name; no colon.")
    password: Secret = _secret("Its password.")
    token: Secret = _secret("The token, sent as `Authorization: Bearer …`; a file is read again.")
    name: str | None = Field(None, max_length=256, description="Of the header or parameter of an API key.")
    value: Secret = _secret("The API key.")
    in_: Literal["header", "query"] = Field(
        "header",
        alias="in",
        description="Where the API key goes: `header`, or `query`, where it is put on when a request leaves "
        "and is shown nowhere.",
    )
    token_url: ServiceUrl | None = Field(None, description="Where OAuth tokens are asked for.")
    client_id: Secret = _secret("Who asks for them.")
    client_secret: Secret = _secret("The client's secret.")
    client_auth: ClientAuth = Field(
        "basic",
        description="How the client proves who it is: `basic`, `post` (secret in the form), "
        "`client_secret_jwt`, `private_key_jwt` (needs the extra `keys`), `assertion_file` (a token that the "
        "platform renews) or `mtls` (the certificate of `tls`).",
    )
    private_key: Annotated[Secret, MayHaveLines()] = _secret(
        "For `private_key_jwt`, PEM: RSA, EC or Ed25519."
    )
    key_id: str | None = Field(None, min_length=1, description="`kid` of what is signed with it.")
    assertion_file: File | None = Field(None, description="The file of `assertion_file`, read each time.")
    assertion_audience: str | None = Field(
        None, min_length=1, description="`aud` of what we sign; null: `token_url`. Some want the issuer."
    )
    scopes: Texts = Field(default_factory=list, description="What tokens are asked for.")
    audience: str | None = Field(None, min_length=1, description="`audience` of the question.")
    resource: str | None = Field(None, min_length=1, description="`resource` of the question (RFC 8707).")
    parameters: Annotated[dict[str, str], BeforeValidator(mapping)] = Field(
        default_factory=dict, description="More fields of the question."
    )
    token_member: str = Field(
        "access_token", min_length=1, description="What the token is called in the answer."
    )
    default_lifetime: float = Field(
        300.0, ge=1, le=24 * 3600, description="Of a token whose answer says nothing of use about it."
    )
    tls: IdentitySettings = Field(
        default_factory=IdentitySettings, description="TLS with the token endpoint."
    )
    region: str | None = Field(None, pattern=r"^[a-z0-9-]{1,64}$", description="Of AWS, such as `eu-west-1`.")
    service: str | None = Field(
        None,
        pattern=r"^[a-z0-9-]{1,64}$",
        description="Of AWS: `execute-api`, or `lambda` for function URLs.",
    )
    access_key_id: Secret = _secret(
        "AWS's key; without it the credentials of the platform are used: `AWS_WEB_IDENTITY_TOKEN_FILE` with "
        "`AWS_ROLE_ARN`, or `AWS_CONTAINER_CREDENTIALS_FULL_URI` or `…_RELATIVE_URI`."
    )
    secret_access_key: Secret = _secret("Its secret.")
    session_token: Secret = _secret("Its session token, where it has one.")
    refused_statuses: Statuses = Field(
        default=frozenset((401,)),
        description="Answers by which an endpoint refuses who sends: with a newer secret, or once with a new "
        "token, the request is sent again within the same attempt. Some need 403 or 400 too.",
        json_schema_extra={"default": [401]},
    )
    event_may_override: bool = Field(
        False,
        description="Whether an event's own header of that name wins; else it is dropped and counted.",
    )

    def is_fetched(self) -> bool:
        """Whether somebody has to be asked for what proves who we are."""
        return self.type == "oauth2" or (self.type == "aws_sigv4" and self.access_key_id is None)

    def plain(self, name: str) -> str:
        """A secret as it is; empty where there is none."""
        secret = getattr(self, name)
        return secret.get_secret_value() if isinstance(secret, SecretStr) else ""


SECRETS = ("password", "token", "value", "client_secret", "private_key", "secret_access_key", "session_token")
"""Settings that are secret; others that may stand in a file are names."""


def header_names(auth: AuthSettings) -> frozenset[str]:
    """Names of the headers that we set, in lower case."""
    match auth.type:
        case "none":
            return frozenset()
        case "api_key":
            return frozenset((auth.name.lower(),) if auth.name and auth.in_ == "header" else ())
        case "aws_sigv4":
            return _AWS_HEADERS
    return frozenset(("authorization",))


def reserved_headers(auth: AuthSettings) -> frozenset[str]:
    """Names that no event sets."""
    return frozenset() if auth.event_may_override else header_names(auth)
