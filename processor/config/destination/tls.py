"""TLS: whom we trust, and who we are."""

from typing import Self

from pydantic import Field, SecretStr

from processor.config.values.types import File, Section, or_reference


class IdentitySettings(Section):
    """Whom we trust, and who we are."""

    ca_file: File | None = Field(None, description="Authorities to trust instead of the system's, PEM.")
    certificate_file: File | None = Field(None, description="Our client certificate with its chain, PEM.")
    key_file: File | None = Field(None, description="The private key of our certificate, PEM.")
    key_password: SecretStr | None = Field(
        None, description="The password of the private key.", json_schema_extra=or_reference
    )

    def locked_by(self, password: str) -> Self:
        """The same with another password of the key."""
        return self.model_copy(update={"key_password": SecretStr(password)})


class TlsSettings(IdentitySettings):
    """How the endpoint is recognised, and how we are."""

    server_name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.-]{1,253}$",
        description="The name that the endpoint is asked for and has to prove, where it is not that of "
        "`url`, as behind an address or a tunnel. The `Host` header is one of `destination.headers`.",
    )
