"""What librdkafka is told: settings by its names, what our promises rest on always ours, and nothing unknown.

Options are tried before anything is connected, and everything that is wrong with them is told at once.
"""

import socket
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer
from pydantic import ValidationError

from processor.config.kafka import DeadLetterSettings, KafkaSettings
from processor.config.values.client_options import OWNED, OWNED_BY_PRODUCER, SETTING_OF
from processor.errors import ConfigError, Problem
from processor.kafka.options import (
    LOGGER,
    client_options,
    consumer_options,
    producer_options,
    refuse_unknown,
    write_debug,
)
from tests.support.endpoint import HOST, unused_port
from tests.support.patience import PATIENCE

SECRET = "hunter2-correct-horse"
PROMISED_TO_CONSUMER = {
    "bootstrap.servers": "127.0.0.1:9092",
    "group.id": "group",
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "max.poll.interval.ms": 300_000,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "allow.auto.create.topics": False,
}
PROMISED_TO_PRODUCER = {
    "bootstrap.servers": "127.0.0.1:9092",
    "acks": "all",
    "enable.idempotence": True,
    "allow.auto.create.topics": False,
    "message.max.bytes": 10 * 1024 * 1024,
    "message.timeout.ms": 30_000,
}
ALIASES = ("metadata.broker.list", "default.topic.config", "transactional.id")
"""Other ways to say what is ours, and what would make a producer of another kind."""


def kafka(**more: Any) -> KafkaSettings:
    """Settings with more of them."""
    least = {"bootstrap_servers": "127.0.0.1:9092", "group_id": "group", "topics": ["events"]}
    return KafkaSettings.model_validate(least | more)


def dead_letter(**more: Any) -> DeadLetterSettings:
    """Settings with more of them."""
    return DeadLetterSettings.model_validate({"topic": "dlq", **more})


def meddled(settings: Any, client: dict[str, Any]) -> Any:
    """Settings with options that no configuration file could hold."""
    return settings.model_copy(update={"client": client})


def problems(kafka: KafkaSettings, dead_letter: DeadLetterSettings) -> list[Problem]:
    """Everything wrong with the options."""
    with pytest.raises(ConfigError) as caught:
        refuse_unknown(kafka, dead_letter)
    return list(caught.value.problems)


# Settings as options


def test_a_consumer_is_told_what_the_promises_rest_on() -> None:
    options = consumer_options(kafka())
    assert {name: options[name] for name in PROMISED_TO_CONSUMER} == PROMISED_TO_CONSUMER
    assert options["queued.min.messages"] < 100_000
    assert options["queued.max.messages.kbytes"] < 64 * 1024


def test_no_pattern_of_a_classic_member_finds_the_dead_letter_topic() -> None:
    found = consumer_options(kafka(), frozenset(("a.dlq-1_x", "a.reports")))["topic.blacklist"]
    assert found == "^a[.]dlq-1_x$,^a[.]reports$"


@pytest.mark.parametrize("topic", ["a,b", "e.*", "(", ""])
def test_what_can_be_no_topic_is_no_pattern_either_that_would_hide_others(topic: str) -> None:
    assert "topic.blacklist" not in consumer_options(kafka(), frozenset((topic,)))


def test_a_member_whose_patterns_the_brokers_evaluate_may_know_every_topic() -> None:
    assert "topic.blacklist" not in consumer_options(kafka(group_protocol="consumer"), frozenset(("dlq",)))


def test_a_classic_member_is_cooperative_and_has_a_session() -> None:
    options = consumer_options(kafka(session_timeout=6))
    assert options["group.protocol"] == "classic"
    assert options["partition.assignment.strategy"] == "cooperative-sticky"
    assert options["session.timeout.ms"] == 6_000
    assert options["heartbeat.interval.ms"] <= 2_000


def test_a_member_of_the_new_protocol_is_not_told_what_it_may_not_be_told() -> None:
    options = consumer_options(kafka(group_protocol="consumer"))
    assert options["group.protocol"] == "consumer"
    refused = {"partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"}
    assert not refused & set(options)
    refuse_unknown(kafka(group_protocol="consumer"), dead_letter())


@pytest.mark.parametrize(
    ("said", "option", "value"),
    [
        ({"client_id": "me"}, "client.id", "me"),
        ({"group_instance_id": "pod-0"}, "group.instance.id", "pod-0"),
        ({"isolation_level": "read_uncommitted"}, "isolation.level", "read_uncommitted"),
        ({"max_poll_interval": 60.5}, "max.poll.interval.ms", 60_500),
        ({"client": {"client.rack": "a"}}, "client.rack", "a"),
        ({"client": {"queued.min.messages": 7}}, "queued.min.messages", 7),
    ],
)
def test_what_is_said_arrives(said: dict[str, Any], option: str, value: Any) -> None:
    assert consumer_options(kafka(**said))[option] == value


def test_what_is_not_said_is_not_passed_on() -> None:
    assert "group.instance.id" not in consumer_options(kafka())
    assert None not in consumer_options(kafka()).values()
    security = [name for name in client_options(kafka()) if name.startswith(("ssl.", "sasl."))]
    assert (security, client_options(kafka())["security.protocol"]) == ([], "plaintext")


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["sasl_ssl", "sasl_plaintext"])
def test_a_login_is_told_to_every_client(protocol: str, mechanism: str) -> None:
    settings = kafka(
        security_protocol=protocol, sasl_mechanism=mechanism, sasl_username="user", sasl_password=SECRET
    )
    for options in (consumer_options(settings), producer_options(settings, dead_letter())):
        assert options["security.protocol"] == protocol
        assert options["sasl.mechanism"] == mechanism
        assert (options["sasl.username"], options["sasl.password"]) == ("user", SECRET)
    refuse_unknown(settings, dead_letter())


def test_certificates_are_told_to_every_client() -> None:
    here = Path(__file__)
    settings = kafka(
        security_protocol="ssl",
        ssl_ca_file=here,
        ssl_certificate_file=here,
        ssl_key_file=here,
        ssl_key_password=SECRET,
    )
    for options in (consumer_options(settings), producer_options(settings, dead_letter())):
        named = {name: value for name, value in options.items() if name.startswith("ssl.")}
        assert named == {
            "ssl.ca.location": str(here),
            "ssl.certificate.location": str(here),
            "ssl.key.location": str(here),
            "ssl.key.password": SECRET,
        }


def test_a_producer_is_told_what_the_promises_rest_on_and_where_java_puts_keys() -> None:
    options = producer_options(kafka(), dead_letter())
    assert {name: options[name] for name in PROMISED_TO_PRODUCER} == PROMISED_TO_PRODUCER
    assert options["partitioner"] == "murmur2_random"


def test_the_producers_own_options_win_over_those_of_every_client() -> None:
    both = {"linger.ms": 1, "client.rack": "a"}
    options = producer_options(
        kafka(client=both), dead_letter(client={"linger.ms": 2}, max_message_bytes=5_000, write_timeout=2)
    )
    assert (options["linger.ms"], options["client.rack"]) == (2, "a")
    assert (options["message.max.bytes"], options["message.timeout.ms"]) == (5_000, 2_000)


# What is ours


def test_what_the_promises_rest_on_is_ours() -> None:
    membership = {"partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"}
    assert {*PROMISED_TO_CONSUMER, *membership, "group.protocol", "group.instance.id"} <= OWNED
    assert set(PROMISED_TO_PRODUCER) <= OWNED_BY_PRODUCER


@pytest.mark.parametrize("option", [*sorted(OWNED), *ALIASES])
def test_an_option_of_ours_cannot_be_said_for_every_client(option: str) -> None:
    with pytest.raises(ValidationError, match=f"{option} cannot be set here: "):
        kafka(client={option: "x", "client.rack": "a"})


@pytest.mark.parametrize(("option", "setting"), SETTING_OF.items())
def test_an_option_that_has_a_setting_is_refused_with_it(option: str, setting: str) -> None:
    section, _, name = setting.partition(".")
    assert hasattr({"kafka": kafka(), "dead_letter": dead_letter()}[section], name)
    make = kafka if option in OWNED else dead_letter
    with pytest.raises(ValidationError, match=f"{option} cannot be set here: set {setting}"):
        make(client={option: "x"})


@pytest.mark.parametrize("make", [kafka, dead_letter])
@pytest.mark.parametrize(
    "option",
    [
        *("delivery.report.only.error", "test.mock.num.brokers", "test.mock.broker.rtt", "opaque"),
        *("error_cb", "dr_cb", "dr_msg_cb", "on_delivery", "on_commit", "oauthbearer_token_refresh_cb"),
        "plugin.library.paths",
        *("interceptors", "ssl.certificate.verify_cb", "background_event_cb", "logger", "enabled_events"),
    ],
)
def test_an_option_that_no_operator_can_want_is_refused(make: Any, option: str) -> None:
    with pytest.raises(ValidationError, match=f"{option} cannot be set here: "):
        make(client={option: "x"})


@pytest.mark.parametrize(
    "option", [*sorted(OWNED_BY_PRODUCER), *ALIASES, "request.required.acks", "delivery.timeout.ms"]
)
def test_an_option_of_ours_cannot_be_said_for_the_producer(option: str) -> None:
    with pytest.raises(ValidationError, match=f"{option} cannot be set here"):
        dead_letter(client={option: "x", "linger.ms": 1})


def test_all_options_of_ours_that_were_said_are_named() -> None:
    with pytest.raises(
        ValidationError, match=r"acks, enable\.idempotence cannot be set here: it is"
    ) as caught:
        dead_letter(client={"enable.idempotence": False, "acks": 0, "sasl.password": SECRET, "error_cb": "x"})
    assert "sasl.password cannot be set here: set kafka.sasl_password" in str(caught.value)
    assert "error_cb cannot be set here" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_consumers_promises_win_whatever_was_said() -> None:
    meddling = {**dict.fromkeys(PROMISED_TO_CONSUMER, "meddled"), "bootstrap.servers": "127.0.0.1:9092"}
    options = consumer_options(meddled(kafka(), meddling))
    assert {name: options[name] for name in PROMISED_TO_CONSUMER} == PROMISED_TO_CONSUMER


def test_a_producers_promises_win_whatever_was_said() -> None:
    meddling = {**dict.fromkeys(PROMISED_TO_PRODUCER, "meddled"), "bootstrap.servers": "127.0.0.1:9092"}
    options = producer_options(meddled(kafka(), meddling), meddled(dead_letter(), meddling))
    assert {name: options[name] for name in PROMISED_TO_PRODUCER} == PROMISED_TO_PRODUCER


# What librdkafka does not take


@pytest.mark.parametrize(
    "settings",
    [
        kafka(),
        kafka(group_protocol="consumer"),
        kafka(client={"client.rack": "a", "socket.keepalive.enable": True}),
    ],
)
def test_options_that_librdkafka_takes_are_accepted(settings: KafkaSettings) -> None:
    refuse_unknown(settings, dead_letter())


@pytest.mark.parametrize(
    "client",
    [
        {"fetch.max.bytes": 200_000_000, "receive.message.max.bytes": 200_001_000},
        {
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.token.endpoint.url": "http://127.0.0.1:1/token",
            "sasl.oauthbearer.client.id": "me",
            "sasl.oauthbearer.client.secret": SECRET,
        },
    ],
)
def test_options_that_are_right_only_together_are_accepted(client: dict[str, Any]) -> None:
    oauth = "sasl.oauthbearer.method" in client
    login = {"security_protocol": "sasl_plaintext", "sasl_mechanism": "OAUTHBEARER"} if oauth else {}
    refuse_unknown(kafka(client=client, **login), dead_letter())


@pytest.mark.parametrize(
    ("client", "message"),
    [
        ({"no.such.option": 1}, "no.such.option is no option of librdkafka"),
        ({"fetch.min.bytes": "many"}, "fetch.min.bytes cannot have this value"),
        ({"fetch.min.bytes": -1}, "must be from 0 to 2147483647"),
        ({"sasl.oauthbearer.method": "oidc"}, "sasl.oauthbearer"),
    ],
)
def test_an_option_that_librdkafka_does_not_take_is_refused(client: dict[str, Any], message: str) -> None:
    login = {"security_protocol": "sasl_ssl", "sasl_mechanism": "OAUTHBEARER"}
    is_login = "sasl.oauthbearer.method" in client
    found = problems(kafka(client=client, **(login if is_login else {})), dead_letter())
    assert found[0].path.startswith("kafka")
    assert message in found[0].message


def test_an_option_for_the_producer_that_it_does_not_take_is_refused_by_its_path() -> None:
    (found,) = problems(kafka(), dead_letter(client={"no.such.option": 1}))
    assert found.path.startswith("dead_letter.client")
    assert "no.such.option" in str(found)


def test_an_option_for_every_client_is_one_problem_and_not_one_a_client() -> None:
    (found,) = problems(kafka(client={"no.such.option": 1}), dead_letter())
    assert found.path.startswith("kafka.client")


def test_all_options_that_are_not_taken_are_told_at_once() -> None:
    found = problems(
        kafka(client={"no.such.option": 1, "fetch.min.bytes": "many", "neither.this": 2, "client.rack": "a"}),
        dead_letter(client={"nor.that": 3}),
    )
    told = "\n".join(map(str, found))
    assert [
        name for name in ("no.such.option", "fetch.min.bytes", "neither.this", "nor.that") if name not in told
    ] == []
    assert "client.rack" not in told


@pytest.mark.parametrize(
    "client", [{"ssl.key.pem": SECRET}, {"ssl.keystore.password": SECRET, "ssl.keystore.location": "/none"}]
)
def test_what_is_refused_does_not_quote_a_secret(client: dict[str, Any]) -> None:
    settings = kafka(client={**client, "no.such.option": 1}, security_protocol="ssl")
    assert SECRET not in str(problems(settings, dead_letter()))


@pytest.mark.parametrize(
    "said",
    [
        (kafka(client={"debug": "generic"}), dead_letter()),
        (kafka(), dead_letter(client={"debug": "generic"})),
    ],
)
def test_what_the_library_tells_with_debug_is_written(said: Any, caplog: pytest.LogCaptureFixture) -> None:
    level = LOGGER.level
    try:
        write_debug(kafka(), dead_letter())
        assert LOGGER.level == level
        write_debug(*said)
        Producer(producer_options(*said), logger=LOGGER).poll(0)
    finally:
        LOGGER.setLevel(level)
    assert "DEBUG" in {each.levelname for each in caplog.records if each.name == "librdkafka"}


def test_a_failure_that_a_callback_tells_is_no_line_of_the_library_as_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[KafkaError] = []
    options = client_options(kafka(bootstrap_servers=f"{HOST}:{unused_port()}"))
    client = Producer(options | {"error_cb": told.append}, logger=LOGGER)
    deadline = time.monotonic() + PATIENCE
    while not told and time.monotonic() < deadline:
        client.poll(0.1)
    assert told
    assert caplog.records == []


@pytest.mark.parametrize("pattern", ["^(", "^[z-a]", "^[[:none:]]"])
def test_a_pattern_of_topics_that_librdkafka_cannot_read_is_refused(pattern: str) -> None:
    (found,) = problems(kafka(topics=["events", "^ev.*s$", pattern]), dead_letter())
    assert found.path == "kafka.topics"
    assert pattern in found.message


def test_nothing_is_connected_to_find_that_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        address = f"127.0.0.1:{broker.getsockname()[1]}"
        refuse_unknown(kafka(bootstrap_servers=address), dead_letter())
        broker.settimeout(0.5)
        with pytest.raises(TimeoutError):
            broker.accept()
