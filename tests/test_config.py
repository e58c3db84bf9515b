"""What the operator said is judged as a whole: every problem at once, each with where, what and a remedy.

Every setting can come from the file, its variable or a file that its variable names; a secret is
never repeated, neither by settings nor by problems.
"""

import json
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from processor import config
from processor.core.admission import AdmissionPolicy
from processor.core.budget import BudgetPolicy
from processor.core.circuit import CircuitPolicy
from processor.core.concurrency import ConcurrencyPolicy
from processor.core.disclosure import DisclosurePolicy, Payloads
from processor.core.filters import Integrations
from processor.core.flow import FlowPolicy
from processor.core.lanes import Order
from processor.core.lease import LeasePolicy
from processor.core.preparation import PreparationPolicy
from processor.core.rate import RatePolicy
from processor.core.retry import RetryPolicy
from processor.core.transform import FRAMING, Envelope, Method, RequestPolicy, Transform
from processor.errors import ConfigError, Problem
from processor.kafka_settings import KafkaSettings
from processor.pipeline import PipelinePolicy
from processor.settings import PREFIX, Settings

HERE = Path(__file__)
SECRET = "hunter2-correct-horse"
MINIMAL = {
    "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "KAFKA__GROUP_ID": "group",
    "KAFKA__TOPICS": "events",
    "DEAD_LETTER__TOPIC": "events.dlq",
    "DESTINATION__URL": "https://h.example/hook",
}
FILE = """\
kafka: {bootstrap_servers: "127.0.0.1:9092", group_id: group, topics: [events]}
dead_letter: {topic: events.dlq}
destination: {url: "https://h.example/hook"}
"""

EXAMPLES: dict[str, tuple[str, Any]] = {
    "kafka.bootstrap_servers": ("a:1,b:2", "a:1,b:2"),
    "kafka.group_id": ("others", "others"),
    "kafka.topics": ("a, ^b.*,", ["a", "^b.*"]),
    "kafka.client_id": ("me", "me"),
    "kafka.group_protocol": ("consumer", "consumer"),
    "kafka.group_instance_id": ("pod-0", "pod-0"),
    "kafka.auto_offset_reset": ("2026-11-27T00:00:00+00:00", "2026-11-27T00:00:00+00:00"),
    "kafka.isolation_level": ("read_uncommitted", "read_uncommitted"),
    "kafka.unready": ("true", True),
    "kafka.session_timeout": ("6.5", 6.5),
    "kafka.max_poll_interval": ("600", 600.0),
    "kafka.max_metadata_bytes": ("1023", 1023),
    "kafka.security_protocol": ("ssl", "ssl"),
    "kafka.ssl_ca_file": (str(HERE), HERE),
    "kafka.ssl_certificate_file": (str(HERE), HERE),
    "kafka.ssl_key_file": (str(HERE), HERE),
    "kafka.ssl_key_password": (SECRET, SecretStr(SECRET)),
    "kafka.sasl_mechanism": ("OAUTHBEARER", "OAUTHBEARER"),
    "kafka.sasl_username": ("user", "user"),
    "kafka.sasl_password": (SECRET, SecretStr(SECRET)),
    "kafka.client": (
        '{"client.rack": "a", "socket.keepalive.enable": true, "fetch.min.bytes": 7}',
        {"client.rack": "a", "socket.keepalive.enable": True, "fetch.min.bytes": 7},
    ),
    "dead_letter.topic": ("other.dlq", "other.dlq"),
    "dead_letter.max_message_bytes": ("1000", 1000),
    "dead_letter.when_unwritable": ("without_value", "without_value"),
    "dead_letter.timestamp": ("now", "now"),
    "dead_letter.write_timeout": ("2", 2.0),
    "dead_letter.budget": ("5", 5),
    "dead_letter.budget_per_delivery": ("2", 2),
    "dead_letter.always": ("invalid_event, 422, 5xx", ["invalid_event", "422", "5xx"]),
    "dead_letter.client": ("linger.ms: 7", {"linger.ms": 7}),
    "destination.name": ("crm", "crm"),
    "destination.url": ("http://h.example:81/x?y=1", "http://h.example:81/x?y=1"),
    "destination.method": ("patch", Method.PATCH),
    "destination.headers": (
        f'{{"Authorization": "{SECRET}", "X-N": 1}}',
        {"Authorization": SecretStr(SECRET), "X-N": SecretStr("1")},
    ),
    "destination.envelope": ("none", "none"),
    "destination.allowed_hosts": ("a.example,b.example:8443", ["a.example", "b.example:8443"]),
    "destination.block_private_networks": ("true", True),
    "destination.allowed_networks": ("10.1.0.0/16, fd00::/8", ["10.1.0.0/16", "fd00::/8"]),
    "destination.connect_timeout": ("1", 1.0),
    "destination.request_timeout": ("2", 2.0),
    "destination.keepalive_timeout": ("3", 3.0),
    "destination.tls.ca_file": (str(HERE), HERE),
    "destination.tls.certificate_file": (str(HERE), HERE),
    "destination.tls.key_file": (str(HERE), HERE),
    "destination.tls.key_password": (SECRET, SecretStr(SECRET)),
    "filter.integrations": ("all", "all"),
    "delivery.order": ("partition", Order.PARTITION),
    "delivery.concurrency": ("static", "static"),
    "delivery.max_in_flight": ("3", 3),
    "delivery.min_in_flight": ("2", 2),
    "delivery.rate_limit": ("12.5", 12.5),
    "delivery.burst": ("6", 6),
    "delivery.max_waiting_records": ("4", 4),
    "delivery.max_waiting_bytes": ("4096", 4096),
    "delivery.commit_interval": ("0.5", 0.5),
    "delivery.drain_timeout": ("5", 5.0),
    "delivery.tombstones": ("dead_letter", "dead_letter"),
    "retry.delivered_statuses": ("200, 204", frozenset((200, 204))),
    "retry.retried_statuses": ("404,4XX", frozenset(range(400, 500))),
    "retry.max_attempts": ("3", 3),
    "retry.max_elapsed": ("60", 60.0),
    "retry.max_age": ("86400", 86400.0),
    "retry.initial_backoff": ("0.1", 0.1),
    "retry.max_backoff": ("9", 9.0),
    "retry.max_retry_after": ("7", 7.0),
    "circuit.enabled": ("false", False),
    "circuit.window": ("20", 20.0),
    "circuit.minimum_attempts": ("30", 30),
    "circuit.failure_rate": ("0.8", 0.8),
    "circuit.throttled_rate": ("1", 1.0),
    "circuit.first_probe": ("2", 2.0),
    "circuit.max_probe_interval": ("120", 120.0),
    "circuit.max_outage": ("3600", 3600.0),
    "circuit.unready": ("true", True),
    "admin.host": ("127.0.0.1", "127.0.0.1"),
    "admin.port": ("0", 0),
    "admin.token": ("0123456789abcdef", SecretStr("0123456789abcdef")),
    "admin.allowed_hosts": ("Live.example.com, b.example", ["live.example.com", "b.example"]),
    "live.enabled": ("false", False),
    "live.payloads": ("masked", Payloads.MASKED),
    "log.level": ("debug", "debug"),
    "log.format": ("json", "json"),
}
"""A text for every setting, and the value that it means: another one than the default."""

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a configuration file."""

    def write(content: str | bytes) -> Path:
        file = tmp_path / "settings.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


def env(**more: str) -> dict[str, str]:
    """The smallest configuration as variables, and more of them without their prefix."""
    return {PREFIX + name: value for name, value in {**MINIMAL, **more}.items()}


def value(settings: Settings, name: str) -> Any:
    """What a dotted setting holds."""
    found: Any = settings
    for part in name.split("."):
        found = getattr(found, part)
    return found


def problems(file: Path | None = None, environ: dict[str, str] | None = None) -> list[Problem]:
    """Everything wrong; the variables are the smallest configuration unless said otherwise."""
    with pytest.raises(ConfigError) as caught:
        config.load(file, env() if environ is None else environ)
    return list(caught.value.problems)


def problem(file: Path | None = None, environ: dict[str, str] | None = None) -> Problem:
    """The only thing wrong."""
    (found,) = problems(file, environ)
    return found


# Where settings come from


def test_there_is_an_example_of_every_setting_and_it_is_not_the_default() -> None:
    assert list(EXAMPLES) == [name for name, _ in config.fields()]
    plain = config.load(None, env())
    assert [name for name, (_, meant) in EXAMPLES.items() if value(plain, name) == meant] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_setting_comes_from_its_variable_and_from_the_file_it_names(name: str, tmp_path: Path) -> None:
    text, meant = EXAMPLES[name]
    assert value(config.load(None, {**env(), config.variable(name): text}), name) == meant
    (tmp_path / "mounted").write_text(f"{text}\n", encoding="utf-8")
    variables = {key: text for key, text in env().items() if key != config.variable(name)}
    variables[config.variable(name) + "_FILE"] = str(tmp_path / "mounted")
    assert value(config.load(None, variables), name) == meant


def test_variables_are_found_in_any_case_and_strangers_left_alone() -> None:
    strangers = {"WEBHOOK_PROCESSOR_CONFIG": "x", "WEBHOOK_PROCESSOR_PORT": "tcp://x", "PATH": "/bin"}
    lower = {key.lower(): text for key, text in env().items()}
    assert config.load(None, lower | strangers) == config.load(None, env())


def test_a_file_alone_is_enough_and_the_environment_wins_over_it_setting_by_setting(write: Write) -> None:
    file = write(FILE + "delivery: {max_in_flight: 3, drain_timeout: 4}\n")
    assert config.load(file, {}).delivery.max_in_flight == 3
    both = config.load(file, {PREFIX + "DELIVERY__MAX_IN_FLIGHT": "5"})
    assert (both.delivery.max_in_flight, both.delivery.drain_timeout) == (5, 4.0)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_says_nothing(write: Write, text: str) -> None:
    assert config.load(write(text), env()) == config.load(None, env())


def test_a_section_whose_lines_are_all_commented_out_says_nothing(write: Write) -> None:
    text = "admin:\n  # port: 9090\ndestination:\n  tls:\n    # ca_file: x\n"
    assert config.load(write(text), env()) == config.load(None, env())


def test_a_limit_is_switched_off_by_null_in_the_file_and_in_a_variable(write: Write) -> None:
    file = config.load(write("retry: {max_attempts: null, max_elapsed: null}"), env())
    variables = config.load(None, env(RETRY__MAX_ATTEMPTS="null", RETRY__MAX_ELAPSED="null"))
    for settings in (file, variables):
        assert (settings.retry.max_attempts, settings.retry.max_elapsed) == (None, None)


# Headers


def test_a_header_takes_its_value_from_a_variable_or_a_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"Bearer {SECRET}\n", encoding="utf-8")
    headers = f"{{A: {{from_env: TOKEN}}, B: {{from_file: {tmp_path}/token}}, C: c, D: 4}}"
    settings = config.load(write(f"destination: {{headers: {headers}}}"), {**env(), "TOKEN": SECRET})
    held = {name: header.get_secret_value() for name, header in settings.destination.headers.items()}
    assert held == {"A": SECRET, "B": f"Bearer {SECRET}", "C": "c", "D": "4"}


def test_a_header_given_by_a_variable_may_refer_as_well() -> None:
    environ = {**env(DESTINATION__HEADERS='{"A": {"from_env": "TOKEN"}}'), "TOKEN": SECRET}
    assert config.load(None, environ).destination.headers["A"].get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("{from_env: NO_SUCH}", "the environment variable NO_SUCH is not set"),
        ("{from_file: /no/such}", "the file /no/such cannot be read: No such file or directory"),
        ("{from_env: A, from_file: B}", "must be text, {from_env: NAME} or {from_file: PATH}"),
        ("{from_env: 5}", "must be text, {from_env: NAME} or {from_file: PATH}"),
        ("{from_vault: x}", "must be text, {from_env: NAME} or {from_file: PATH}"),
        ("{}", "must be text, {from_env: NAME} or {from_file: PATH}"),
        ("[a]", "Input should be a valid string"),
        ("null", "Input should be a valid string"),
        ("true", "Input should be a valid string"),
    ],
)
def test_a_header_without_a_value_is_named(write: Write, reference: str, message: str) -> None:
    found = problem(write(f"destination: {{headers: {{Authorization: {reference}}}}}"))
    assert found == Problem("destination.headers.Authorization", message)


def test_a_variable_that_is_no_text_is_refused_as_a_header() -> None:
    environ = {**env(DESTINATION__HEADERS='{"A": {"from_env": "TOKEN"}}'), "TOKEN": "\udcff"}
    assert problem(environ=environ).message == "'A': its value is no UTF-8 text"


@pytest.mark.parametrize("name", sorted(FRAMING - {"host"}))
def test_a_header_that_belongs_to_the_connection_is_refused(write: Write, name: str) -> None:
    found = problem(write(f"destination: {{headers: {{{name.title()}: x}}}}"))
    assert found.path.startswith("destination.headers")
    assert f"{name.title()} belongs to the connection" in found.message


def test_a_host_header_is_the_operators_to_set(write: Write) -> None:
    settings = config.load(write("destination: {headers: {Host: other.example}}"), env())
    assert settings.request_policy().headers == (("Host", "other.example"),)


@pytest.mark.parametrize(
    ("header", "message"),
    [('"X Y": a', "'X Y'"), ('"": a', "''"), ('X: "a\\nb"', "'X'"), ('X: "\\0"', "'X'")],
)
def test_a_header_that_cannot_be_sent_is_refused(write: Write, header: str, message: str) -> None:
    found = problem(write(f"destination: {{headers: {{{header}}}}}"))
    assert found.path.startswith("destination.headers")
    assert message in found.message or message.strip("'") in found.path


# What a setting may hold


@pytest.mark.parametrize("method", [*Method, "post", "Get", "dELETE"])
def test_a_method_is_known_in_any_case(method: str) -> None:
    assert config.load(None, env(DESTINATION__METHOD=method)).destination.method == method.upper()


def test_an_empty_method_is_post() -> None:
    assert config.load(None, env(DESTINATION__METHOD="")).destination.method is Method.POST


@pytest.mark.parametrize(
    ("statuses", "meant"),
    [
        ("404", {404}),
        ("[404, 5xx]", {404, *range(500, 600)}),
        ("2XX", set(range(200, 300))),
        ("[]", set()),
        ('"408, 429"', {408, 429}),
    ],
)
def test_statuses_are_numbers_and_classes(write: Write, statuses: str, meant: set[int]) -> None:
    settings = config.load(write(f"retry: {{retried_statuses: {statuses}}}"), env())
    assert settings.retry_policy().retried_statuses == meant


@pytest.mark.parametrize("status", ["99", "600", "6xx", "0xx", "xxx", "5x", "4.5", "true", "null", "-200"])
def test_what_is_no_status_is_refused_with_how_to_write_one(write: Write, status: str) -> None:
    found = problem(write(f"retry: {{retried_statuses: [{status}]}}"))
    assert found.path == "retry.retried_statuses"
    assert "is no status: write 404, or 5xx for all from 500 to 599" in found.message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h.example",
        "ftp://h.example",
        "https://",
        "https://h:0/",
        "https://h:99999/",
        f"https://user:{SECRET}@h.example/",
        "https://h.example/a/../b",
        "https://h.example/%2e%2e/b",
        "https://h.example/./b",
        "https://h example/",
    ],
)
def test_a_url_that_cannot_be_sent_to_is_refused(url: str) -> None:
    found = problem(environ=env(DESTINATION__URL=url))
    assert found.path == "destination.url"
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    "text", ["h.example", "10.0.0.0/33", "10.0.0.1/8", "10.0.0", "*", "fd00::/129", "[::1]"]
)
def test_what_is_no_network_is_refused_with_how_to_write_one(text: str) -> None:
    found = problem(environ=env(DESTINATION__ALLOWED_NETWORKS=f"10.0.0.0/8, {text}"))
    assert found.path == "destination.allowed_networks"
    assert f"{text!r} is no network: write one such as 10.0.0.0/8 or fd00::/8" in found.message


@pytest.mark.parametrize("text", ["169.254.169.254", "169.254.0.0/16", "fe80::/64", "fd00:ec2::254"])
def test_a_network_of_metadata_cannot_be_allowed(text: str) -> None:
    found = problem(environ=env(DESTINATION__ALLOWED_NETWORKS=text))
    assert found.path == "destination.allowed_networks"
    assert f"{text} is never allowed" in found.message


def test_the_fragment_of_a_url_is_not_sent() -> None:
    settings = config.load(None, env(DESTINATION__URL="https://h.example/a#b"))
    assert Transform(settings.request_policy())._endpoint.url == "https://h.example/a"


BAD_VALUES = {
    "kafka.bootstrap_servers": "",
    "kafka.group_id": "",
    "kafka.topics": " , ",
    "kafka.group_protocol": "share",
    "kafka.auto_offset_reset": "newest",
    "kafka.isolation_level": "serializable",
    "kafka.session_timeout": "0",
    "kafka.max_poll_interval": "five",
    "kafka.security_protocol": "tls",
    "kafka.ssl_ca_file": "/no/such/file",
    "kafka.sasl_mechanism": "GSSAPI",
    "kafka.client": "text",
    "dead_letter.topic": "",
    "dead_letter.max_message_bytes": "10",
    "dead_letter.write_timeout": "-1",
    "dead_letter.always": "refused, everything",
    "dead_letter.client": '{"acks": 0}',
    "destination.name": "with space",
    "destination.url": "h.example",
    "destination.method": "HEAD",
    "destination.headers": "[1]",
    "destination.allowed_hosts": "https://h.example",
    "destination.block_private_networks": "private",
    "destination.allowed_networks": "10.0.0.1/8",
    "destination.connect_timeout": "nan",
    "destination.tls.key_file": "/no/such/file",
    "delivery.order": "random",
    "delivery.max_in_flight": "0",
    "delivery.max_waiting_bytes": "1.5",
    "delivery.commit_interval": "inf",
    "delivery.tombstones": "deliver",
    "retry.delivered_statuses": "ok",
    "retry.max_attempts": "0",
    "admin.port": "65536",
    "admin.token": "0123456789abcde",
    "admin.allowed_hosts": "https://live.example.com",
    "live.enabled": "perhaps",
    "live.payloads": "some",
    "log.level": "loud",
    "log.format": "xml",
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_a_bad_value_is_named_by_the_path_of_its_setting(name: str) -> None:
    found = problem(environ={**env(), config.variable(name): BAD_VALUES[name]})
    assert (found.path, bool(found.message)) == (name, True)


def test_all_bad_values_are_told_at_once() -> None:
    variables = {config.variable(name): text for name, text in BAD_VALUES.items()}
    assert {found.path for found in problems(environ=env() | variables)} == set(BAD_VALUES)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("kafka.session_timeout", "3601"),
        ("kafka.max_poll_interval", "86401"),
        ("dead_letter.max_message_bytes", "1000000001"),
        ("dead_letter.max_message_bytes", "4294968296"),
    ],
)
def test_what_librdkafka_would_refuse_or_cut_is_refused_by_its_own_path(name: str, text: str) -> None:
    assert problem(environ={**env(), config.variable(name): text}).path == name


@pytest.mark.parametrize("option", ['["x"]', "null", '{"a": 1}'])
def test_an_option_that_is_no_scalar_is_one_problem_with_its_name(option: str) -> None:
    found = problem(environ=env(KAFKA__CLIENT=f'{{"client.rack": {option}}}'))
    assert found.path == "kafka.client.client.rack"


# Settings that have to fit each other


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"SECURITY_PROTOCOL": "sasl_ssl"}, "security_protocol sasl_ssl needs sasl_mechanism"),
        ({"SECURITY_PROTOCOL": "sasl_plaintext"}, "security_protocol sasl_plaintext needs sasl_mechanism"),
        ({"SASL_MECHANISM": "PLAIN"}, "sasl_mechanism PLAIN needs sasl_username and sasl_password"),
        (
            {"SASL_MECHANISM": "SCRAM-SHA-512", "SASL_USERNAME": "u"},
            "sasl_mechanism SCRAM-SHA-512 needs sasl_username and sasl_password",
        ),
        (
            {"SASL_MECHANISM": "SCRAM-SHA-256", "SASL_PASSWORD": "p"},
            "sasl_mechanism SCRAM-SHA-256 needs sasl_username and sasl_password",
        ),
    ],
)
def test_a_login_needs_a_mechanism_a_user_and_a_password(said: dict[str, str], message: str) -> None:
    found = problem(environ=env(**{f"KAFKA__{name}": text for name, text in said.items()}))
    assert found == Problem("kafka", message)


def test_a_login_by_oauthbearer_needs_no_user() -> None:
    said = {"KAFKA__SECURITY_PROTOCOL": "sasl_ssl", "KAFKA__SASL_MECHANISM": "OAUTHBEARER"}
    assert config.load(None, env(**said)).kafka.sasl_username is None


@pytest.mark.parametrize(("drain", "ok"), [("270", True), ("271", False), ("301", False)])
def test_a_drain_ends_before_the_group_gives_the_process_up(drain: str, ok: bool) -> None:
    environ = env(DELIVERY__DRAIN_TIMEOUT=drain)
    if ok:
        assert config.load(None, environ).longest_revocation(60.0) == 285.0
    else:
        message = "delivery.drain_timeout must be below nine tenths of kafka.max_poll_interval"
        assert message in str(problem(environ=environ))


def test_handing_partitions_back_takes_as_long_as_the_drain_and_the_last_commits() -> None:
    assert config.load(None, env()).longest_revocation(10.0) == 35.0


# Names that are none


@pytest.mark.parametrize(
    ("text", "path", "meant"),
    [
        ("kafak: {}", "kafak", "kafka"),
        ("destinaton: {}", "destinaton", "destination"),
        ("kafka: {topic: a}", "kafka.topic", "kafka.topics"),
        ("kafka: {groupid: a}", "kafka.groupid", "kafka.group_id"),
        ("kafka: {url: a}", "kafka.url", "destination.url"),
        ("destination: {tls: {cafile: a}}", "destination.tls.cafile", "destination.tls.ca_file"),
        ("delivery: {max_inflight: 1}", "delivery.max_inflight", "delivery.max_in_flight"),
        ("retry: {max_atempts: 1}", "retry.max_atempts", "retry.max_attempts"),
        ("retry: {commit_interval: 1}", "retry.commit_interval", "delivery.commit_interval"),
        ("url: http://h.example", "url", "destination.url"),
    ],
)
def test_an_unknown_key_is_refused_with_the_one_that_was_meant(
    write: Write, text: str, path: str, meant: str
) -> None:
    assert problem(write(text)) == Problem(path, "is no setting", f"did you mean {meant}?")


def test_an_unknown_key_that_resembles_nothing_is_refused_without_a_guess(write: Write) -> None:
    assert problem(write("zzzzzz: 1")) == Problem("zzzzzz", "is no setting")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DESTINATON__URL", "DESTINATION__URL"),
        ("KAFKA__GROUPID", "KAFKA__GROUP_ID"),
        ("DESTINATION__TLS__CAFILE", "DESTINATION__TLS__CA_FILE"),
        ("DELIVERY__MAX_INFLIGHT_FILE", "DELIVERY__MAX_IN_FLIGHT"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_one_that_was_meant(name: str, meant: str) -> None:
    found = problem(environ=env(**{name: SECRET}))
    assert found == Problem(PREFIX + name, "is no setting", f"did you mean {PREFIX}{meant}?")


@pytest.mark.parametrize("name", ["KAFKA", "DESTINATION__HEADERS__AUTHORIZATION", "KAFKA__CLIENT__RACK", ""])
def test_a_variable_for_a_part_or_a_whole_section_is_refused(name: str) -> None:
    assert problem(environ=env(**{name: "{}"})).path == PREFIX + name


@pytest.mark.parametrize("text", ["1: 2", "? null\n: 1", "kafka: {1: 2}"])
def test_a_key_that_is_no_text_is_a_problem_and_no_crash(write: Write, text: str) -> None:
    assert problems(write(text))


def test_what_is_missing_is_told_with_both_ways_to_set_it() -> None:
    assert problems(environ={}) == [
        Problem(
            "kafka",
            "is missing",
            "set kafka.bootstrap_servers or WEBHOOK_PROCESSOR__KAFKA__BOOTSTRAP_SERVERS, "
            "kafka.group_id or WEBHOOK_PROCESSOR__KAFKA__GROUP_ID, "
            "kafka.topics or WEBHOOK_PROCESSOR__KAFKA__TOPICS",
        ),
        Problem(
            "dead_letter", "is missing", "set dead_letter.topic or WEBHOOK_PROCESSOR__DEAD_LETTER__TOPIC"
        ),
        Problem("destination", "is missing", "set destination.url or WEBHOOK_PROCESSOR__DESTINATION__URL"),
    ]


def test_a_missing_setting_of_a_section_that_is_there_is_named_alone(write: Write) -> None:
    assert problem(write(FILE.replace("group_id: group, ", "")), {}) == Problem(
        "kafka.group_id", "is missing", "set kafka.group_id or WEBHOOK_PROCESSOR__KAFKA__GROUP_ID"
    )


@pytest.mark.parametrize("content", ["5", "[a]", "text"])
def test_a_section_that_is_no_mapping_is_a_problem(write: Write, content: str) -> None:
    assert problem(write(f"admin: {content}")).path == "admin"


# All at once


def test_problems_of_variables_files_headers_and_sections_are_told_together(write: Write) -> None:
    file = write("kafak: {}\ndestination: {headers: {A: {from_env: NO_SUCH}}, name: a b}\n")
    environ = env(KAFKA__NONSENSE="1", KAFKA__SASL_PASSWORD_FILE="/no/such", ADMIN__PORT="x")
    assert {found.path for found in problems(file, environ)} == {
        "kafak",
        "destination.headers.A",
        "destination.name",
        PREFIX + "KAFKA__NONSENSE",
        PREFIX + "KAFKA__SASL_PASSWORD_FILE",
        "admin.port",
    }


def test_settings_that_do_not_fit_each_other_are_told_beside_others() -> None:
    found = problems(environ=env(DELIVERY__DRAIN_TIMEOUT="300", ADMIN__PORT="x"))
    assert len(found) == 2
    assert "drain_timeout" in "".join(map(str, found))


def test_all_bad_headers_are_told(write: Write) -> None:
    headers = "{Content-Length: 1, Te: x, 'X Y': a, 'Z\"': b, Ok: c}"
    told = "\n".join(map(str, problems(write(f"destination: {{headers: {headers}}}"))))
    assert [name for name in ("Content-Length", "Te", "X Y", 'Z"') if name not in told] == []
    assert "Ok" not in told


def test_a_file_that_cannot_be_read_does_not_hide_what_is_wrong_with_the_variables(tmp_path: Path) -> None:
    found = problems(tmp_path / "absent.yaml", env(KAFKA__NONSENSE="1"))
    assert {each.path for each in found} >= {str(tmp_path / "absent.yaml"), PREFIX + "KAFKA__NONSENSE"}


# Files that cannot be read


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("kafka: a: b", 1),
        ("a: 1\nb: [1\nc: 2\n", 3),
        ("a: 1\n\tb: 2\n", 2),
        ("a: 'x\n", 2),
        ("a: *nowhere\n", 1),
        ("\n\na: !!python/object/apply:os.getcwd []\n", 3),
        ("a: b\n---\nc: d\n", 2),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(write: Write, text: str, line: int) -> None:
    file = write(text)
    found = problem(file)
    assert found.path == f"{file}:{line}"
    assert found.message.startswith("is not YAML: ")


@pytest.mark.parametrize("text", ["a: \0", "a: 2024-13-41", "a: " + "[" * 5000])
def test_yaml_that_stumbles_without_a_line_is_a_problem_and_no_crash(write: Write, text: str) -> None:
    file = write(text)
    assert problem(file).path.startswith(str(file))


@pytest.mark.parametrize("text", ["- a", "5", "text"])
def test_a_file_that_is_no_mapping_is_told_how_to_begin(write: Write, text: str) -> None:
    file = write(text)
    assert problem(file) == Problem(str(file), "must be a mapping of sections", "start with `kafka:`")


def test_a_file_that_is_not_there_or_not_utf_8_is_named(write: Write, tmp_path: Path) -> None:
    absent = tmp_path / "absent.yaml"
    assert problem(absent) == Problem(str(absent), "No such file or directory")
    assert problem(tmp_path) == Problem(str(tmp_path), "Is a directory")
    latin = write("kafka: {group_id: é}".encode("latin-1"))
    assert problem(latin) == Problem(str(latin), "is not UTF-8 text")


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), (b"\xff\xfe", "not UTF-8 text")]
)
def test_a_mounted_file_that_cannot_be_read_is_named_with_its_variable(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    found = problem(environ=env(KAFKA__SASL_PASSWORD_FILE=str(file)))
    assert found == Problem(PREFIX + "KAFKA__SASL_PASSWORD_FILE", f"the file {file} cannot be read: {reason}")


# Secrets


SECRET_CONFIGURATION = {
    "KAFKA__SECURITY_PROTOCOL": "sasl_ssl",
    "KAFKA__SASL_MECHANISM": "PLAIN",
    "KAFKA__SASL_USERNAME": "user",
    "KAFKA__SASL_PASSWORD": f"{SECRET}-sasl",
    "KAFKA__SSL_KEY_PASSWORD": f"{SECRET}-key",
    "KAFKA__CLIENT": f'{{"sasl.oauthbearer.client.secret": "{SECRET}-oauth", "client.rack": "rack-of-mine"}}',
    "DEAD_LETTER__CLIENT": f'{{"ssl.keystore.password": "{SECRET}-store"}}',
    "DESTINATION__TLS__KEY_PASSWORD": f"{SECRET}-tls",
    "ADMIN__TOKEN": f"{SECRET}-admin",
    "DESTINATION__HEADERS": f'{{"Authorization": "Bearer {SECRET}-token", "Content-Type": "text/xml"}}',
}


def device(folder: Path) -> Path:
    return Path("/dev/zero")


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def directory(folder: Path) -> Path:
    return folder


def huge(folder: Path) -> Path:
    (folder / "huge").touch()
    os.truncate(folder / "huge", 2**40)
    return folder / "huge"


def nameless(folder: Path) -> Path:
    return folder / "a\0b"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (device, "it is no regular file"),
        (pipe, "it is no regular file"),
        (directory, "Is a directory"),
        (huge, "it holds more than 1048576 bytes"),
        (nameless, ""),
    ],
)
def test_a_file_that_never_ends_never_begins_or_is_huge_is_refused_and_not_waited_for(
    tmp_path: Path, write: Write, made: Callable[[Path], Path], reason: str
) -> None:
    file = made(tmp_path)
    assert reason in problem(file=file).message
    assert reason in problem(environ=env(KAFKA__SASL_PASSWORD_FILE=str(file))).message
    header = {"destination": {"headers": {"A": {"from_file": str(file)}}}}
    assert reason in problem(write(json.dumps(header)), env()).message


def test_settings_show_no_secret() -> None:
    settings = config.load(None, env(**SECRET_CONFIGURATION))
    for shown in (repr(settings), str(settings), f"{settings.kafka!r} {settings.dead_letter}"):
        assert SECRET not in shown


def test_secrets_are_all_that_is_secret_and_the_token_behind_its_scheme_too() -> None:
    secrets = config.load(None, env(**SECRET_CONFIGURATION)).secrets()
    kinds = {f"{SECRET}-{kind}" for kind in ("sasl", "key", "oauth", "store", "tls", "token", "admin")}
    assert set(secrets) >= kinds | {f"Bearer {SECRET}-token"}
    assert not {"text/xml", "rack-of-mine", "user"} & set(secrets)
    assert secrets == sorted(secrets, key=len, reverse=True)


def test_a_header_too_short_to_be_a_secret_is_not_struck_out_of_everything() -> None:
    settings = config.load(None, env(DESTINATION__HEADERS='{"X-Version": "2", "X-Env": "prod"}'))
    assert settings.secrets() == []


def test_dead_letters_are_written_and_the_live_page_shown_without_the_secrets() -> None:
    settings = config.load(None, env(**SECRET_CONFIGURATION, LIVE__PAYLOADS="full"))
    assert settings.dead_letter_policy().secrets == tuple(settings.secrets())
    assert settings.disclosure_policy() == DisclosurePolicy(Payloads.FULL, tuple(settings.secrets()))


@pytest.mark.parametrize(
    "said",
    [
        {"DESTINATION__URL": f"https://user:{SECRET}@h.example/"},
        {"DESTINATION__URL": f"htps://h.example/{SECRET}"},
        {"DESTINATION__HEADERS": f'{{"Authorization": "Bearer {SECRET}\\n"}}'},
        {"DESTINATION__HEADERS": f'{{"Authorization": ["{SECRET}"]}}'},
        {"DESTINATION__HEADERS": f'{{"Authorization": "{SECRET}'},
        {"DESTINATION__HEADERS": SECRET},
        {"DESTINATION__HEADERS__AUTHORIZATION": SECRET},
        {"KAFKA__SASL_PASSWORD": SECRET, "KAFKA__SASL_MECHANISM": "PLAIN"},
        {"KAFKA__SASL_PASWORD": SECRET},
        {"KAFKA__CLIENT": f'{{"sasl.oauthbearer.client.secret": ["{SECRET}"]}}'},
        {"KAFKA__CLIENT": f'{{"sasl.oauthbearer.client.secret": "{SECRET}"'},
        {**SECRET_CONFIGURATION, "ADMIN__PORT": "x"},
    ],
)
def test_problems_quote_no_secret(said: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(None, env(**said))
    error = caught.value
    assert SECRET not in f"{error} {error!r} {error.problems}"
    assert SECRET not in "".join(traceback.format_exception(error))


def test_the_errors_of_a_section_quote_no_secret_either() -> None:
    with pytest.raises(ValidationError) as caught:
        KafkaSettings.model_validate({"sasl_password": [SECRET], "client": {"ssl.key.pem": [SECRET]}})
    assert SECRET not in f"{caught.value} {caught.value!r}"


# Schema and policies


def schema_of(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The part of the schema for a dotted setting."""
    part = schema
    for each in name.split("."):
        part = part["properties"][each]
        if "$ref" in part:
            part = schema["$defs"][part["$ref"].rpartition("/")[2]]
    return part


def test_the_schema_is_json_and_knows_every_setting_with_its_meaning_and_no_others() -> None:
    schema = json.loads(json.dumps(Settings.model_json_schema()))
    for name, field in config.fields():
        assert schema_of(name, schema), name
        assert field.description, name
    assert set(schema["required"]) == {"kafka", "dead_letter", "destination"}
    assert schema["additionalProperties"] is False
    for section in schema["$defs"].values():
        assert section.get("additionalProperties") is False or "enum" in section


def test_policies_have_the_same_defaults_as_the_settings() -> None:
    settings = config.load(None, env())
    delivery = settings.delivery
    assert settings.retry_policy() == RetryPolicy()
    assert settings.flow_policy() == FlowPolicy(destination="webhook")
    assert settings.admission_policy() == AdmissionPolicy()
    assert settings.request_policy() == RequestPolicy("https://h.example/hook")
    assert settings.preparation_policy() == PreparationPolicy(settings.request_policy())
    assert settings.lease_policy() == LeasePolicy()
    assert PipelinePolicy(delivery.commit_interval, delivery.drain_timeout) == PipelinePolicy()


@pytest.mark.parametrize(("limit", "burst"), [("100", 10), ("0.5", 1)])
def test_without_a_burst_a_tenth_of_a_second_may_leave_at_once(limit: str, burst: int) -> None:
    policy = config.load(None, env(DELIVERY__RATE_LIMIT=limit)).admission_policy()
    assert policy.rate == RatePolicy(float(limit), burst)


def test_without_a_budget_every_refusal_is_a_dead_letter() -> None:
    assert config.load(None, env(DEAD_LETTER__BUDGET="null")).admission_policy().budget is None


@pytest.mark.parametrize(
    ("said", "misfit"),
    [
        ({"DELIVERY__MIN_IN_FLIGHT": "65"}, "delivery.min_in_flight must not be above"),
        ({"DELIVERY__COMMIT_INTERVAL": "15.1"}, "delivery.commit_interval must not be above a third"),
        ({"DEAD_LETTER__TOPIC": "events"}, "every dead letter would be read again"),
        ({"KAFKA__TOPICS": "a, events.dlq"}, "every dead letter would be read again"),
        ({"KAFKA__TOPICS": "a", "DEAD_LETTER__TOPIC": " a "}, "every dead letter would be read again"),
    ],
)
def test_settings_that_are_wrong_only_together_are_refused(said: dict[str, str], misfit: str) -> None:
    with pytest.raises(ConfigError, match=misfit):
        config.load(None, env(**said))


@pytest.mark.parametrize(
    ("topics", "dead_letters", "patterns"),
    [
        ("^events.*", "events.dlq", ["^events.*"]),
        ("events,^e,^.*[.]dlq$,^x", "events.dlq", ["^e", "^.*[.]dlq$"]),
        ("events,^(", "events.dlq", []),
        ("^events$", "events.dlq", []),
    ],
)
def test_patterns_that_match_the_dead_letter_topic_are_a_warning(
    topics: str, dead_letters: str, patterns: list[str]
) -> None:
    settings = config.load(None, env(KAFKA__TOPICS=topics, DEAD_LETTER__TOPIC=dead_letters))
    assert [warning.split()[1] for warning in settings.warnings()] == patterns


def test_what_the_operator_says_arrives_in_the_policies() -> None:
    settings = config.load(
        None, env() | {config.variable(name): text for name, (text, _) in EXAMPLES.items()}
    )
    destination = settings.destination.name
    assert settings.flow_policy() == FlowPolicy(Order.PARTITION, 4, 4096, 1023, destination=destination)
    assert settings.admission_policy() == AdmissionPolicy(
        ConcurrencyPolicy(3, 2, adaptive=False),
        CircuitPolicy(False, 20.0, 30, 0.8, 1.0, 2.0, 120.0, 3600.0),
        RatePolicy(12.5, 6),
        BudgetPolicy(5, 2),
        frozenset(("invalid_event", "422", *map(str, range(500, 600)))),
    )
    assert settings.lease_policy() == LeasePolicy(settings.kafka.session_timeout)
    assert settings.retry_policy() == RetryPolicy(
        frozenset((200, 204)), frozenset(range(400, 500)), 3, 60.0, 86400.0, 0.1, 9.0, 7.0
    )
    assert settings.request_policy() == RequestPolicy(
        "http://h.example:81/x?y=1",
        Method.PATCH,
        (("Authorization", SECRET), ("X-N", "1")),
        frozenset(("a.example", "b.example:8443")),
        Envelope.NONE,
    )
    assert settings.preparation_policy().integrations is Integrations.ALL
    letters = settings.dead_letter_policy()
    assert (letters.destination, letters.group_id) == ("crm", "others")
    assert (letters.may_reduce, letters.keeps_time) == (True, False)
