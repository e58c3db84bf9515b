"""All settings together, and the policies that are made of them."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from processor import __version__
from processor.core.admission import AdmissionPolicy
from processor.core.dead_letter import DeadLetterPolicy
from processor.core.flow import FlowPolicy
from processor.core.retry import RetryPolicy
from processor.core.transform import RequestPolicy
from processor.sections import (
    AdminSettings,
    DeadLetterSettings,
    DeliverySettings,
    DestinationSettings,
    KafkaSettings,
    LogSettings,
    RetrySettings,
)

PREFIX = "WEBHOOK_PROCESSOR__"
"""How the environment variables of settings begin."""

_HARMLESS = frozenset(("accept", "accept-language", "content-type", "user-agent"))
SHORTEST_SECRET = 6
"""Words of a header's value this long are struck out on their own: the token behind `Bearer`."""


class Settings(BaseSettings):
    """Everything the operator can say."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        enable_decoding=False,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    kafka: KafkaSettings = Field(description="Where the events are read.")
    dead_letter: DeadLetterSettings = Field(description="Where the events go that cannot be delivered.")
    destination: DestinationSettings = Field(description="The webhook.")
    delivery: DeliverySettings = Field(
        default_factory=DeliverySettings, description="How events are delivered."
    )
    retry: RetrySettings = Field(default_factory=RetrySettings, description="What is tried again.")
    admin: AdminSettings = Field(default_factory=AdminSettings, description="The port for operators.")
    log: LogSettings = Field(default_factory=LogSettings, description="What is written to standard error.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` brought together."""
        return (init_settings,)

    @model_validator(mode="after")
    def _drains_before_the_group_gives_up(self) -> Self:
        if self.delivery.drain_timeout >= self.kafka.max_poll_interval:
            raise ValueError("delivery.drain_timeout must be shorter than kafka.max_poll_interval")
        return self

    def flow_policy(self) -> FlowPolicy:
        """What keeps its order, and how much may wait."""
        delivery = self.delivery
        return FlowPolicy(delivery.order, delivery.max_waiting_records, delivery.max_waiting_bytes)

    def admission_policy(self) -> AdmissionPolicy:
        """How many requests may be under way."""
        return AdmissionPolicy(self.delivery.max_in_flight)

    def retry_policy(self) -> RetryPolicy:
        """What answers mean."""
        return RetryPolicy(**self.retry.model_dump())

    def request_policy(self) -> RequestPolicy:
        """Where requests go."""
        destination = self.destination
        headers = tuple((name, value.get_secret_value()) for name, value in destination.headers.items())
        return RequestPolicy(
            destination.url, destination.method, headers, frozenset(destination.allowed_hosts)
        )

    def dead_letter_policy(self) -> DeadLetterPolicy:
        """Who writes dead letters, and what is struck out of them."""
        return DeadLetterPolicy(
            self.destination.name, self.kafka.group_id, __version__, tuple(self.secrets())
        )

    def secrets(self) -> list[str]:
        """The texts that may stand nowhere but in a request or a login, the longest first."""
        kafka, tls = self.kafka, self.destination.tls
        hidden = [kafka.ssl_key_password, kafka.sasl_password, tls.key_password]
        named = [value for name, value in self.destination.headers.items() if name.lower() not in _HARMLESS]
        texts = {secret.get_secret_value() for secret in (*hidden, *named) if secret}
        parts = {part for text in texts for part in text.split() if len(part) >= SHORTEST_SECRET}
        return sorted(texts | parts, key=len, reverse=True)
