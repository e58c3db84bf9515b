"""What the brokers are asked about the group protocol and about topics, and what is made of no answer."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError

from processor.config.kafka import KafkaSettings
from processor.kafka.checks import inquiry
from processor.kafka.checks.inquiry import (
    NO_CONSUMER_PROTOCOL,
    PREVIEW_OF_CONSUMER_PROTOCOL,
    Inquiry,
    doubt_in,
)
from processor.kafka.remedies import in_words
from tests.support.apache_kafka import Broker
from tests.support.endpoint import HOST, unused_port
from tests.support.patience import PATIENCE


def inquiry_of(servers: str, **more: str) -> Inquiry:
    """One that asks these."""
    least = {"bootstrap_servers": servers, "group_id": "g", "topics": ["events"]}
    return Inquiry(KafkaSettings.model_validate(least | more))


async def doubt(servers: str, protocol: str = "consumer") -> str | None:
    """Why the protocol may not be had there."""
    return await inquiry_of(servers, group_protocol=protocol).doubt_of_protocol()


@pytest.mark.since("4.0")
@pytest.mark.kafka
async def test_brokers_that_know_the_protocol_leave_no_doubt(apache_kafka: Broker) -> None:
    assert await doubt(apache_kafka.bootstrap_servers) == ""


async def test_the_protocol_classic_is_not_in_doubt_and_nobody_is_asked() -> None:
    assert await doubt("nobody:1", "classic") == ""


async def test_where_no_broker_answers_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "ANSWER_SECONDS", 0.5)
    servers = f"{HOST}:{unused_port()}"
    assert await doubt(servers) is None
    assert await inquiry_of(servers).missing(["events"]) is None


async def test_where_no_client_can_be_made_nothing_is_known(tmp_path: Path) -> None:
    certificates = tmp_path / "ca.pem"
    certificates.write_text("none")
    unusable = {"ssl_ca_file": str(certificates), "security_protocol": "ssl"}
    async with asyncio.timeout(PATIENCE):
        assert await inquiry_of("nobody:1", **unusable).missing(["events"]) is None


KNOWN = "h:1/1:   ApiKey ConsumerGroupHeartbeat (68) Versions 0..1"
PREVIEW = "h:1/1:   ApiKey ConsumerGroupHeartbeat (68) Versions 0..0"
FEATURE = "h:1/1:  Feature BrokerBalancedConsumer: ConsumerGroupHeartbeat (0..32767) supported by broker"
NO_FEATURE = (
    "h:1/1:  Feature BrokerBalancedConsumer: ConsumerGroupHeartbeat (0..32767) NOT supported by broker"
)
"""As librdkafka 2.16 says it of Kafka 4.3.1, 3.9.1 and 3.3.2."""


@pytest.mark.parametrize(
    ("said", "doubt"),
    [
        ([KNOWN, FEATURE, PREVIEW, FEATURE], PREVIEW_OF_CONSUMER_PROTOCOL),
        ([KNOWN, FEATURE, NO_FEATURE], NO_CONSUMER_PROTOCOL),
        (["h:1/1:   ApiKey Heartbeat (12) Versions 0..4"], None),
        ([], None),
    ],
)
def test_what_the_least_of_the_brokers_knows_decides(said: list[str], doubt: str | None) -> None:
    assert doubt_in(said) == doubt


@pytest.mark.long
@pytest.mark.parametrize(
    ("older_kafka", "expected"),
    [("3.3.2", NO_CONSUMER_PROTOCOL), ("3.9.1", PREVIEW_OF_CONSUMER_PROTOCOL)],
    indirect=["older_kafka"],
)
async def test_brokers_before_4_are_told_by_what_they_can(older_kafka: Broker, expected: str) -> None:
    assert await doubt(older_kafka.bootstrap_servers) == expected


@pytest.mark.kafka
async def test_topics_that_are_there_and_others_are_told_apart(apache_kafka: Broker) -> None:
    topic, missing = f"{uuid4()}", f"{uuid4()}"
    apache_kafka.create_topic(topic)
    assert await inquiry_of(apache_kafka.bootstrap_servers).missing([topic, missing]) == {missing}


def test_an_error_says_what_to_do_where_that_is_known() -> None:
    assert "grant Read on the group" in in_words(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))
    assert in_words(KafkaError(KafkaError._TIMED_OUT)) == KafkaError(KafkaError._TIMED_OUT).str()
    cut_off = KafkaError(KafkaError._TRANSPORT, "h:1: Disconnected while requesting ApiVersion")
    assert "security_protocol" in in_words(cut_off)
