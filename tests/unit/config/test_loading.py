"""What the operator said is judged as a whole: every problem at once, each with where, what and a remedy.

Every setting can come from the file, its variable or a file that its variable names; a secret is
never repeated, neither by settings nor by problems.
"""

import json
import os
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from processor.config import loading
from processor.config.kafka import KafkaSettings
from processor.config.settings import PREFIX, Settings
from processor.config.values.filters import ConsentSettings, ProviderSettings
from processor.core.disclosure import DisclosurePolicy, Payloads
from processor.core.pace.admission import AdmissionPolicy
from processor.core.pace.budget import BudgetPolicy
from processor.core.pace.circuit import CircuitPolicy
from processor.core.pace.concurrency import ConcurrencyPolicy
from processor.core.pace.pacing import PacingPolicy
from processor.core.pace.rate import RatePolicy
from processor.core.progress.flow import FlowPolicy
from processor.core.progress.lanes import Order
from processor.core.progress.lease import LeasePolicy
from processor.core.record.format import AvroPolicy, FormatPolicy, ProtobufPolicy, SchemaFilePolicy
from processor.core.reports.report import Outcome
from processor.core.request.filters import Consent, ConsentPolicy, FilterPolicy, Integrations
from processor.core.request.headers import FRAMING
from processor.core.request.templates.policy import Body, TemplatePolicy
from processor.core.request.tracing.trace_context import NAMES
from processor.core.request.transform import Envelope, Method, RequestPolicy, Transform
from processor.core.retry import RetryPolicy
from processor.errors import ConfigError, Problem
from processor.kafka.options import client_options, refuse_unknown
from processor.traffic.pipeline import PipelinePolicy
from processor.web.tls import ssl_context

HERE = Path(__file__)
SECRET = "hunter2-correct-horse"
SYMMETRIC, PRIVATE = ("whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY", "whsk_" + "A" * 43)
"""Secrets of signatures: 24 bytes, and a seed of 32."""
PRIVATE_KEY = (
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n"
    "-----END PRIVATE KEY-----"
)
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
    "kafka.security_protocol": ("sasl_ssl", "sasl_ssl"),
    "kafka.ssl_ca_file": (str(HERE), HERE),
    "kafka.ssl_certificate_file": (str(HERE), HERE),
    "kafka.ssl_key_file": (str(HERE), HERE),
    "kafka.ssl_key_password": (SECRET, SecretStr(SECRET)),
    "kafka.sasl_mechanism": ("SCRAM-SHA-256", "SCRAM-SHA-256"),
    "kafka.sasl_username": ("user", "user"),
    "kafka.sasl_password": (SECRET, SecretStr(SECRET)),
    "kafka.client": (
        '{"client.rack": "a", "socket.keepalive.enable": true, "fetch.min.bytes": 7}',
        {"client.rack": "a", "socket.keepalive.enable": "true", "fetch.min.bytes": "7"},
    ),
    "dead_letter.topic": ("other.dlq", "other.dlq"),
    "dead_letter.max_message_bytes": ("1000", 1000),
    "dead_letter.when_unwritable": ("without_value", "without_value"),
    "dead_letter.timestamp": ("now", "now"),
    "dead_letter.write_timeout": ("2", 2.0),
    "dead_letter.budget": ("5", 5),
    "dead_letter.budget_per_delivery": ("2", 2),
    "dead_letter.always": ("invalid_event, 422, 5xx", ["invalid_event", "422", "5xx"]),
    "dead_letter.client": ("linger.ms: 7", {"linger.ms": "7"}),
    "destination.name": ("crm", "crm"),
    "destination.url": ("http://h.example:81/x?y=1", "http://h.example:81/x?y=1"),
    "destination.url_is_secret": ("false", False),
    "destination.method": ("patch", Method.PATCH),
    "destination.headers": (
        f'{{"Authorization": "{SECRET}", "X-N": 1}}',
        {"Authorization": SecretStr(SECRET), "X-N": SecretStr("1")},
    ),
    "destination.path": ("/users/{{ event.userId }}", "/users/{{ event.userId }}"),
    "destination.query": ('{"a": "{{ record.topic }}"}', {"a": "{{ record.topic }}"}),
    "destination.body": ('{"id": "{{ event.id }}", "l": [5]}', {"id": "{{ event.id }}", "l": ["5"]}),
    "destination.body_template": ("<a>{{ event.id }}</a>", "<a>{{ event.id }}</a>"),
    "destination.content_type": ("text/csv", "text/csv"),
    "destination.encoding": ("form", "form"),
    "destination.envelope": ("none", "none"),
    "destination.secret_headers": ("X-N,X-M", ["X-N", "X-M"]),
    "destination.allowed_hosts": ("a.example,b.example:8443", ["a.example", "b.example:8443"]),
    "destination.allowed_hosts_get_secrets": ("true", True),
    "destination.block_private_networks": ("true", True),
    "destination.allowed_networks": ("10.1.0.0/16, fd00::/8", ["10.1.0.0/16", "fd00::/8"]),
    "destination.connect_timeout": ("1", 1.0),
    "destination.request_timeout": ("2", 2.0),
    "destination.keepalive_timeout": ("3", 3.0),
    "destination.keepalive": ("false", False),
    "destination.max_connections": ("5", 5),
    "destination.connection_max_age": ("null", None),
    "destination.auth.type": ("bearer", "bearer"),
    "destination.auth.username": (SECRET, SecretStr(SECRET)),
    "destination.auth.password": (SECRET, SecretStr(SECRET)),
    "destination.auth.token": (SECRET, SecretStr(SECRET)),
    "destination.auth.name": ("X-Key", "X-Key"),
    "destination.auth.value": (SECRET, SecretStr(SECRET)),
    "destination.auth.in": ("query", "query"),
    "destination.auth.token_url": ("https://a/token", "https://a/token"),
    "destination.auth.client_id": (SECRET, SecretStr(SECRET)),
    "destination.auth.client_secret": (SECRET, SecretStr(SECRET)),
    "destination.auth.client_auth": ("post", "post"),
    "destination.auth.private_key": (PRIVATE_KEY, SecretStr(PRIVATE_KEY)),
    "destination.auth.key_id": ("k1", "k1"),
    "destination.auth.assertion_file": (str(HERE), HERE),
    "destination.auth.assertion_audience": ("https://a", "https://a"),
    "destination.auth.scopes": ("a, b", ["a", "b"]),
    "destination.auth.audience": ("crm", "crm"),
    "destination.auth.resource": ("https://crm", "https://crm"),
    "destination.auth.parameters": ('{"a": "b"}', {"a": "b"}),
    "destination.auth.token_member": ("id_token", "id_token"),
    "destination.auth.default_lifetime": ("60", 60.0),
    "destination.auth.tls.ca_file": (str(HERE), HERE),
    "destination.auth.tls.certificate_file": (str(HERE), HERE),
    "destination.auth.tls.key_file": (str(HERE), HERE),
    "destination.auth.tls.key_password": (SECRET, SecretStr(SECRET)),
    "destination.auth.region": ("eu-west-1", "eu-west-1"),
    "destination.auth.service": ("lambda", "lambda"),
    "destination.auth.access_key_id": (SECRET, SecretStr(SECRET)),
    "destination.auth.secret_access_key": (SECRET, SecretStr(SECRET)),
    "destination.auth.session_token": (SECRET, SecretStr(SECRET)),
    "destination.auth.refused_statuses": ("401, 403", frozenset((401, 403))),
    "destination.auth.event_may_override": ("true", True),
    "destination.tls.ca_file": (str(HERE), HERE),
    "destination.tls.certificate_file": (str(HERE), HERE),
    "destination.tls.key_file": (str(HERE), HERE),
    "destination.tls.key_password": (SECRET, SecretStr(SECRET)),
    "destination.tls.server_name": ("h.example", "h.example"),
    "destination.proxy.url": ("http://proxy:3128/", "http://proxy:3128"),
    "destination.proxy.username": ("user", "user"),
    "destination.proxy.password": (SECRET, SecretStr(SECRET)),
    "destination.proxy.ca_file": (str(HERE), HERE),
    "destination.proxy.no_proxy": (".svc, 10.0.0.0/8", [".svc", "10.0.0.0/8"]),
    "destination.proxy.trusted": ("true", True),
    "destination.proxy.from_environment": ("true", True),
    "destination.unix_socket": ("/run/no-such.sock", Path("/run/no-such.sock")),
    "destination.forward_headers": ("traceparent,x-*", ["traceparent", "x-*"]),
    "destination.id.from": ("header:ce_id", "header:ce_id"),
    "destination.id.header": ("X-Event-Id", "X-Event-Id"),
    "destination.idempotency_key.header": ("Idempotency-Key", "Idempotency-Key"),
    "destination.idempotency_key.format": ("quoted", "quoted"),
    "destination.attempt_header": ("webhook-attempt", "webhook-attempt"),
    "destination.signature.scheme": ("standard_webhooks", "standard_webhooks"),
    "destination.signature.secrets": (f"{SYMMETRIC}, {SYMMETRIC}", [SecretStr(SYMMETRIC)] * 2),
    "destination.signature.header": ("X-Signed", "X-Signed"),
    "destination.signature.components": ("@method,content-digest", ["@method", "content-digest"]),
    "destination.signature.key_id": ("k1", ["k1"]),
    "destination.signature.algorithm": ("ed25519", "ed25519"),
    "destination.signature.algorithm_parameter": ("false", False),
    "destination.signature.content_digest": ("sha-512", "sha-512"),
    "destination.signature.label": ("mine", "mine"),
    "destination.signature.expires_after": ("300", 300),
    "destination.signature.nonce": ("true", True),
    "destination.signature.tag": ("webhook", "webhook"),
    "filter.integrations": ("all", "all"),
    "filter.types": ("track,identify", ["track", "identify"]),
    "filter.events": ("Order Completed, Other", {"allow": ["Order Completed", "Other"]}),
    "filter.consent": (
        '{"providers": {"oneTrust": ["C1"]}, "ketch_purposes": "P1,P2"}',
        ConsentSettings(providers={"oneTrust": ProviderSettings(ids=["C1"])}, ketch_purposes=["P1", "P2"]),
    ),
    "filter.when": ("event.type == 'track'", "event.type == 'track'"),
    "record.value": ("raw", "raw"),
    "record.unwrap": ("debezium", "debezium"),
    "record.schema_file": (str(HERE), HERE),
    "record.message": ("shop.Order", "shop.Order"),
    "record.decimals": ("number", "number"),
    "record.times": ("number", "number"),
    "record.unions": ("tagged", "tagged"),
    "record.protobuf_names": ("proto", "proto"),
    "record.protobuf_defaults": ("true", True),
    "schema_registry.url": ("http://a:81/x/, https://b", "http://a:81/x,https://b"),
    "schema_registry.username": ("key", "key"),
    "schema_registry.password": (SECRET, SecretStr(SECRET)),
    "schema_registry.token": (SECRET, SecretStr(SECRET)),
    "schema_registry.oauth.token_url": ("https://a/token", "https://a/token"),
    "schema_registry.oauth.client_id": ("me", "me"),
    "schema_registry.oauth.client_secret": (SECRET, SecretStr(SECRET)),
    "schema_registry.oauth.scope": ("a b", "a b"),
    "schema_registry.oauth.logical_cluster": ("lsrc-1", "lsrc-1"),
    "schema_registry.oauth.identity_pool": ("pool-1", "pool-1"),
    "schema_registry.tls.ca_file": (str(HERE), HERE),
    "schema_registry.tls.certificate_file": (str(HERE), HERE),
    "schema_registry.tls.key_file": (str(HERE), HERE),
    "schema_registry.tls.key_password": (SECRET, SecretStr(SECRET)),
    "schema_registry.timeout": ("2", 2.0),
    "schema_registry.missing_after": ("0", 0.0),
    "schema_registry.max_schemas": ("7", 7),
    "schema_registry.framing": ("apicurio8", "apicurio8"),
    "debezium.deletes": ("skip", "skip"),
    "debezium.fields": ("op,source.ts_ms", ["op", "source.ts_ms"]),
    "cloudevents.mode": ("binary", "binary"),
    "cloudevents.otherwise": ("wrap", "wrap"),
    "cloudevents.type": ("com.example.event", "com.example.event"),
    "cloudevents.source": ("/kafka/events", "/kafka/events"),
    "delivery.order": ("partition", Order.PARTITION),
    "delivery.concurrency": ("static", "static"),
    "delivery.max_in_flight": ("3", 3),
    "delivery.allowed_hosts_in_flight": ("3", 3),
    "delivery.min_in_flight": ("2", 2),
    "delivery.rate_limit": ("12.5", 12.5),
    "delivery.burst": ("6", 6),
    "delivery.pacing": ("static", "static"),
    "delivery.rate_limit_hints": ("false", False),
    "delivery.max_waiting_records": ("4", 4),
    "delivery.max_waiting_bytes": ("4096", 4096),
    "delivery.commit_interval": ("0.5", 0.5),
    "delivery.drain_timeout": ("5", 5.0),
    "delivery.tombstones": ("dead_letter", "dead_letter"),
    "retry.delivered_statuses": ("200, 204", frozenset((200, 204))),
    "retry.retried_statuses": ("404,4XX", frozenset(range(400, 500))),
    "retry.credential_statuses": ("511", frozenset((511,))),
    "retry.max_attempts": ("3", 3),
    "retry.max_elapsed": ("60", 60.0),
    "retry.max_age": ("86400", 86400.0),
    "retry.initial_backoff": ("0.1", 0.1),
    "retry.max_backoff": ("9", 9.0),
    "retry.max_retry_after": ("7", 7.0),
    "reports.topic": ("events.reports", "events.reports"),
    "reports.required": ("true", True),
    "reports.outcomes": ("skipped, delivered", ["skipped", "delivered"]),
    "reports.body": ("2048", 2048),
    "circuit.enabled": ("false", False),
    "circuit.window": ("20", 20.0),
    "circuit.minimum_attempts": ("30", 30),
    "circuit.failure_rate": ("0.8", 0.8),
    "circuit.throttled_rate": ("1", 1.0),
    "circuit.first_probe": ("2", 2.0),
    "circuit.max_probe_interval": ("120", 120.0),
    "circuit.max_outage": ("3600", 3600.0),
    "circuit.unready": ("true", True),
    "tracing.propagate": ("false", False),
    "tracing.exporter": ("otlp_http", "otlp_http"),
    "tracing.sampling": ("0.01", 0.01),
    "tracing.max_per_second": ("7", 7.0),
    "tracing.parent": ("link", "link"),
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

EXCLUDED = (
    "schema_registry.token",
    "schema_registry.username",
    "schema_registry.password",
    *(name for name in EXAMPLES if re.search("signature.(?!scheme|secrets)", name)),
    *("destination.proxy.from_environment", "destination.unix_socket"),
)
"""What cannot be together with other examples."""

OAUTH = tuple(f"schema_registry.oauth.{each}" for each in ("token_url", "client_id", "client_secret"))
LOGIN = ("kafka.security_protocol", "kafka.sasl_mechanism", "kafka.sasl_username", "kafka.sasl_password")


def of_way(name: str) -> dict[str, str]:
    """What has to be said with a setting of `destination.auth`."""
    way = next((way for way, names in WAYS.items() if name.partition(".")[0] in names), "bearer")
    said = {"type": way, **dict.fromkeys(NEEDED[way], SECRET)}
    if way == "oauth2":
        said["token_url"] = "https://a/token"
        by = {"private_key": "private_key_jwt", "assertion_file": "assertion_file"}.get(name)
        if by is not None:
            del said["client_secret"]
            said["client_auth"] = by
    if way == "aws_sigv4":
        said |= {"region": "eu-west-1", "service": "lambda"}
    return {each: text for each, text in said.items() if each != name}


def beside(name: str) -> dict[str, str]:
    """The variables that a setting needs beside it."""
    needed: tuple[str, ...] = LOGIN if name in LOGIN or name.startswith("kafka.ssl_") else ()
    if name.startswith("cloudevents."):
        needed = ("cloudevents.type", "cloudevents.source")
    elif name in ("schema_registry.username", "schema_registry.password"):
        needed = ("schema_registry.username", "schema_registry.password")
    elif name.startswith("schema_registry.oauth."):
        needed = OAUTH
    elif name == "destination.proxy.password":
        needed = ("destination.proxy.username",)
    elif name.startswith(AUTH):
        return {loading.variable(AUTH + each): text for each, text in of_way(name.removeprefix(AUTH)).items()}
    others = {each: EXAMPLES[each][0] for each in needed if each != name}
    if name.startswith("destination.signature."):
        is_message = name.rpartition(".")[2] not in ("scheme", "secrets", "header")
        scheme = "http_message_signatures" if is_message else "github"
        secret = PRIVATE if name.endswith(".algorithm") else SYMMETRIC
        both = {"destination.signature.scheme": scheme, "destination.signature.secrets": secret}
        others |= {each: text for each, text in both.items() if each != name}
    if name.startswith("record.") and name not in ("record.value", "record.unwrap"):
        is_avro = name in ("record.decimals", "record.times", "record.unions")
        others |= {"record.value": "avro" if is_avro else "protobuf", "record.schema_file": str(HERE)}
    return {loading.variable(each): text for each, text in others.items()}


AUTH = "destination.auth."
NEEDED = {
    "basic": ("username", "password"),
    "bearer": ("token",),
    "api_key": ("name", "value"),
    "oauth2": ("token_url", "client_id", "client_secret"),
    "aws_sigv4": ("region", "service", "access_key_id", "secret_access_key"),
}
WAYS = {
    **NEEDED,
    "api_key": ("name", "value", "in"),
    "oauth2": (
        *(
            "token_url",
            "client_id",
            "client_secret",
            "client_auth",
            "private_key",
            "key_id",
            "assertion_file",
        ),
        *("assertion_audience", "scopes", "audience", "resource", "parameters", "token_member"),
        *("default_lifetime", "tls"),
    ),
    "aws_sigv4": (*NEEDED["aws_sigv4"], "session_token"),
}
"""Ways to say who we are, with what belongs to each."""


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
        found = getattr(found, {"from": "source", "in": "in_"}.get(part, part))
    return found


def problems(file: Path | None = None, environ: dict[str, str] | None = None) -> list[Problem]:
    """Everything wrong; the variables are the smallest configuration unless said otherwise."""
    with pytest.raises(ConfigError) as caught:
        loading.load(file, env() if environ is None else environ)
    return list(caught.value.problems)


def problem(file: Path | None = None, environ: dict[str, str] | None = None) -> Problem:
    """The only thing wrong."""
    (found,) = problems(file, environ)
    return found


# Where settings come from


def test_there_is_an_example_of_every_setting_and_it_is_not_the_default() -> None:
    assert list(EXAMPLES) == [name for name, _ in loading.fields()]
    plain = loading.load(None, env())
    assert [name for name, (_, meant) in EXAMPLES.items() if value(plain, name) == meant] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_setting_comes_from_its_variable_and_from_the_file_it_names(name: str, tmp_path: Path) -> None:
    text, meant = EXAMPLES[name]
    others = env() | beside(name)
    assert value(loading.load(None, {**others, loading.variable(name): text}), name) == meant
    (tmp_path / "mounted").write_text(f"{text}\n", encoding="utf-8")
    variables = {key: text for key, text in others.items() if key != loading.variable(name)}
    variables[loading.variable(name) + "_FILE"] = str(tmp_path / "mounted")
    assert value(loading.load(None, variables), name) == meant


def test_variables_are_found_in_any_case_and_strangers_left_alone() -> None:
    strangers = {"WEBHOOK_PROCESSOR_CONFIG": "x", "WEBHOOK_PROCESSOR_PORT": "tcp://x", "PATH": "/bin"}
    lower = {key.lower(): text for key, text in env().items()}
    assert loading.load(None, lower | strangers) == loading.load(None, env())


def test_a_file_alone_is_enough_and_the_environment_wins_over_it_setting_by_setting(write: Write) -> None:
    file = write(FILE + "delivery: {max_in_flight: 3, drain_timeout: 4}\n")
    assert loading.load(file, {}).delivery.max_in_flight == 3
    both = loading.load(file, {PREFIX + "DELIVERY__MAX_IN_FLIGHT": "5"})
    assert (both.delivery.max_in_flight, both.delivery.drain_timeout) == (5, 4.0)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_says_nothing(write: Write, text: str) -> None:
    assert loading.load(write(text), env()) == loading.load(None, env())


def test_a_section_whose_lines_are_all_commented_out_says_nothing(write: Write) -> None:
    text = "admin:\n  # port: 9090\ndestination:\n  tls:\n    # ca_file: x\n"
    assert loading.load(write(text), env()) == loading.load(None, env())


@pytest.mark.parametrize("name", ["_env_file", "_secrets_dir", "self"])
def test_names_of_libraries_are_refused_as_any_other_that_is_no_setting(write: Write, name: str) -> None:
    assert problem(write(f"{FILE}{name}: x\n")).message == "is no setting"


def test_a_limit_is_switched_off_by_null_in_the_file_and_in_a_variable(write: Write) -> None:
    file = loading.load(write("retry: {max_attempts: null, max_elapsed: null}"), env())
    variables = loading.load(None, env(RETRY__MAX_ATTEMPTS="null", RETRY__MAX_ELAPSED="null"))
    for settings in (file, variables):
        assert (settings.retry.max_attempts, settings.retry.max_elapsed) == (None, None)


# Headers


def test_a_header_takes_its_value_from_a_variable_or_a_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"Bearer {SECRET}\n", encoding="utf-8")
    headers = f"{{A: {{from_env: TOKEN}}, B: {{from_file: {tmp_path}/token}}, C: c, D: 4}}"
    settings = loading.load(write(f"destination: {{headers: {headers}}}"), {**env(), "TOKEN": SECRET})
    held = {name: header.get_secret_value() for name, header in settings.destination.headers.items()}
    assert held == {"A": SECRET, "B": f"Bearer {SECRET}", "C": "c", "D": "4"}


def test_a_header_given_by_a_variable_may_refer_as_well() -> None:
    environ = {**env(DESTINATION__HEADERS='{"A": {"from_env": "TOKEN"}}'), "TOKEN": SECRET}
    assert loading.load(None, environ).destination.headers["A"].get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("{from_env: NO_SUCH}", "the environment variable NO_SUCH is not set"),
        ("{from_file: /no/such}", "the file /no/such cannot be read: No such file or directory"),
        ("{from_env: A, from_file: B}", "must be text, {from_env: NAME} or {from_file: PATH}"),
        ("{from_env: 5}", "the environment variable 5 is not set"),
        ("{from_env: [A]}", "must be text, {from_env: NAME} or {from_file: PATH}"),
        ("{from_vault: x}", "must be text, {from_env: NAME} or {from_file: PATH}"),
        ("{}", "must be text, {from_env: NAME} or {from_file: PATH}"),
    ],
)
def test_a_header_without_a_value_is_named(write: Write, reference: str, message: str) -> None:
    found = problem(write(f"destination: {{headers: {{Authorization: {reference}}}}}"))
    assert found == Problem("destination.headers.Authorization", message)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[a]", "Authorization must be text, {from_env: NAME} or {from_file: PATH}"),
        ("null", "header 2 has no value: give it one, or put a value that holds a comma into quotes"),
    ],
)
def test_a_header_that_is_no_text_is_refused(write: Write, value: str, message: str) -> None:
    found = problem(write(f"destination: {{headers: {{X: y, Authorization: {value}}}}}"))
    assert found == Problem("destination.headers", message)


def test_a_variable_that_is_no_text_is_refused_as_a_header() -> None:
    environ = {**env(DESTINATION__HEADERS='{"A": {"from_env": "TOKEN"}}'), "TOKEN": "\udcff"}
    assert problem(environ=environ).message == "'A': its value is no UTF-8 text"


@pytest.mark.parametrize("name", sorted(FRAMING - {"host"}))
def test_a_header_that_belongs_to_the_connection_is_refused(write: Write, name: str) -> None:
    found = problem(write(f"destination: {{headers: {{{name.title()}: x}}}}"))
    assert found.path.startswith("destination.headers")
    assert f"{name.title()} belongs to the connection" in found.message


def test_a_host_header_is_the_operators_to_set(write: Write) -> None:
    settings = loading.load(write("destination: {headers: {Host: other.example}}"), env())
    assert settings.request_policy().headers == (("Host", "other.example"),)


@pytest.mark.parametrize(
    ("header", "message"),
    [('"X Y": a', "header 1"), ('"": a', "header 1"), ('X: "a\\nb"', "'X'"), ('X: "\\0"', "'X'")],
)
def test_a_header_that_cannot_be_sent_is_refused(write: Write, header: str, message: str) -> None:
    found = problem(write(f"destination: {{headers: {{{header}}}}}"))
    assert found.path.startswith("destination.headers")
    assert message in found.message or message.strip("'") in found.path


# Brokers


@pytest.mark.parametrize(
    "text",
    [
        "a:1, b.c-d_e:65535",
        "[::1]:9092,[fe80::1.2.3.4]:1",
        "a,,b:1",
        "PLAINTEXT://a:1,plaintext://b:2",
        "10.0.0.1:1",
    ],
)
def test_brokers_are_hosts_with_ports(text: str) -> None:
    assert loading.load(None, env(KAFKA__BOOTSTRAP_SERVERS=text)).kafka.bootstrap_servers == text


@pytest.mark.parametrize(
    "server",
    [
        *(
            "a:0",
            "a:65536",
            "a:x",
            "a b:1",
            "http://a:1",
            "a:1/",
            "::1",
            "::1:9092",
            "[::g]:1",
            "[::1",
            "a:",
            ":1",
        ),
        *("[a]:1", "a;b", "a:1:2", "kafka://a"),
    ],
)
def test_what_is_no_broker_is_named(server: str) -> None:
    found = problem(environ=env(KAFKA__BOOTSTRAP_SERVERS=f"ok:1,{server},b c"))
    assert found.path == "kafka.bootstrap_servers"
    assert f"{server!r}, 'b c' is no broker: write `host:port`" in found.message


def test_a_broker_with_user_info_is_told_by_its_number() -> None:
    found = problem(environ=env(KAFKA__BOOTSTRAP_SERVERS=f"ok:1,user:{SECRET}@h:1"))
    assert "server 2 (with user info) is no broker" in found.message
    assert SECRET not in str(found)


def test_a_broker_of_another_protocol_is_refused_since_the_library_leaves_it_out() -> None:
    found = problem(environ=env(KAFKA__BOOTSTRAP_SERVERS="PLAINTEXT://a:1,SSL://b:1"))
    assert "bootstrap_servers says SSL://, and security_protocol plaintext" in found.message


@pytest.mark.parametrize(
    ("option", "remedy"),
    [
        ("message.max.bytes", "set dead_letter.max_message_bytes"),
        ("topic.metadata.propagation.max.ms", "set dead_letter.write_timeout"),
        *(
            (name, "needed as it is")
            for name in ("auto.commit.enable", "offset.store.method", "topic.blacklist")
        ),
    ],
)
def test_an_option_that_would_be_replaced_is_refused(option: str, remedy: str) -> None:
    found = problem(environ=env(KAFKA__CLIENT=json.dumps({option: "1"})))
    assert f"{option} cannot be set here: " in found.message
    assert remedy in found.message


# Statuses


@pytest.mark.parametrize("text", ["[]", ""])
def test_something_has_to_count_as_delivered(text: str) -> None:
    found = problem(environ=env(RETRY__DELIVERED_STATUSES=text))
    assert found.path == "retry.delivered_statuses"
    assert "nothing would ever be delivered: write 2xx" in found.message


def test_of_two_meanings_of_a_status_what_is_said_counts_and_both_said_are_refused(write: Write) -> None:
    quiet = loading.load(write("retry: {retried_statuses: [401, 5xx]}"), env())
    assert 401 in quiet.retry_policy().credential_statuses
    found = problem(write("retry: {retried_statuses: [401, 5xx], credential_statuses: [401, 403]}"))
    assert "retry.credential_statuses and retry.retried_statuses both name 401" in found.message
    found = problem(write("retry: {credential_statuses: [2xx]}"))
    assert "both name 200, 201, 202, 203, 204 and others" in found.message
    token = "destination: {auth: {type: bearer, token: a-bearers-token, refused_statuses: [403]}}"
    with_auth = loading.load(write(token), env())
    assert with_auth.retry_policy().credential_statuses == {401, 403, 407}
    always = loading.load(write("dead_letter: {always: [401]}"), env())
    assert always.retry_policy().credential_statuses == {407}


def test_a_status_is_delivered_or_retried(write: Write) -> None:
    file = write(
        "retry: {delivered_statuses: [2xx, 409, 429], retried_statuses: [409, 429, 5xx]}\nlog: {level: x}"
    )
    both = "retry.delivered_statuses and retry.retried_statuses both name 409, 429"
    assert [each.path for each in problems(file)] == ["log.level", "settings"]
    assert both in problems(file)[1].message
    assert (
        429 in loading.load(write("retry: {delivered_statuses: [2xx, 429]}"), env()).retry.delivered_statuses
    )


# Variables and files


@pytest.mark.parametrize("name", ["destination.url", "kafka.sasl_password", "admin.token", "kafka.group_id"])
def test_a_byte_order_mark_before_a_value_from_elsewhere_is_no_part_of_it(tmp_path: Path, name: str) -> None:
    text, meant = EXAMPLES[name]
    (tmp_path / "value").write_text(f"\ufeff {text}\n", encoding="utf-8")
    for said in ({"": f"\ufeff{text}"}, {"_FILE": str(tmp_path / "value")}):
        variables = {loading.variable(name) + suffix: value for suffix, value in said.items()}
        others = {key: value for key, value in env().items() if key != loading.variable(name)}
        assert value(loading.load(None, others | beside(name) | variables), name) == meant


def test_a_byte_order_mark_before_what_a_reference_finds_is_no_part_of_it(
    write: Write, tmp_path: Path
) -> None:
    (tmp_path / "value").write_text(f"\ufeff{SECRET}", encoding="utf-8")
    file = write(f"destination: {{headers: {{A: {{from_env: A}}, B: {{from_file: {tmp_path}/value}}}}}}")
    headers = loading.load(file, {**env(), "A": f"\ufeff{SECRET}"}).destination.headers
    assert headers == {"A": SecretStr(SECRET), "B": SecretStr(SECRET)}


def test_a_setting_in_a_variable_and_in_a_file_that_a_variable_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "value").write_text("g", encoding="utf-8")
    name = loading.variable("kafka.group_id")
    found = problem(environ={**env(), f"{name}_FILE": str(tmp_path / "value")})
    assert found == Problem(name, f"is set, and so is {name}_FILE", "leave one of them out")


@pytest.mark.parametrize("name", ["kafka.bootstrap_servers", "kafka.topics", "dead_letter.topic"])
def test_a_value_that_could_not_be_had_is_one_problem(name: str) -> None:
    variable = loading.variable(name)
    others = {key: text for key, text in env().items() if key != variable}
    assert problem(environ={**others, f"{variable}_FILE": "/no/such"}).path == f"{variable}_FILE"


def test_a_reference_to_nothing_is_told_as_one(write: Write) -> None:
    name = loading.variable("kafka.client_id") + "_FILE"
    found = problem(environ={**env(), name: " "})
    assert (found.path, found.message) == (name, "names no file: it is empty")
    file = write('destination: {headers: {A: {from_env: ""}, B: {from_file: ""}}}')
    assert [(each.path, each.message) for each in problems(file)] == [
        ("destination.headers.A", "from_env names no variable: it is empty"),
        ("destination.headers.B", "names no file: it is empty"),
    ]


# What a setting may hold


@pytest.mark.parametrize("method", [*Method, "post", "Get", "dELETE"])
def test_a_method_is_known_in_any_case(method: str) -> None:
    assert loading.load(None, env(DESTINATION__METHOD=method)).destination.method == method.upper()


def test_an_empty_method_is_post() -> None:
    assert loading.load(None, env(DESTINATION__METHOD="")).destination.method is Method.POST


@pytest.mark.parametrize(
    ("statuses", "meant"),
    [
        ("404", {404}),
        ("[404, 5xx]", {404, *range(500, 600)}),
        ("3XX", set(range(300, 400))),
        ("[]", set()),
        ('"408, 429"', {408, 429}),
    ],
)
def test_statuses_are_numbers_and_classes(write: Write, statuses: str, meant: set[int]) -> None:
    settings = loading.load(write(f"retry: {{retried_statuses: {statuses}}}"), env())
    assert settings.retry_policy().retried_statuses == meant


@pytest.mark.parametrize("status", ["99", "600", "6xx", "0xx", "xxx", "5x", "4.5", "true", "-200"])
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
    settings = loading.load(None, env(DESTINATION__URL="https://h.example/a#b"))
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
    "destination.allowed_hosts": "https://h.example/x",
    "destination.allowed_hosts_get_secrets": "mine",
    "destination.block_private_networks": "private",
    "destination.allowed_networks": "10.0.0.1/8",
    "destination.connect_timeout": "nan",
    "destination.tls.key_file": "/no/such/file",
    "destination.tls.server_name": "https://h.example",
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
    found = problem(environ={**env(), loading.variable(name): BAD_VALUES[name]})
    assert (found.path, bool(found.message)) == (name, True)


def test_all_bad_values_are_told_at_once() -> None:
    variables = {loading.variable(name): text for name, text in BAD_VALUES.items()}
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
    assert problem(environ={**env(), loading.variable(name): text}).path == name


@pytest.mark.parametrize("option", ['["x"]', '{"a": 1}'])
def test_an_option_that_is_no_scalar_is_one_problem_with_its_name(option: str) -> None:
    found = problem(environ=env(KAFKA__CLIENT=f'{{"client.rack": {option}}}'))
    assert found.path.startswith("kafka.client")
    assert "client.rack must be text" in str(found).replace(": ", " ")


def test_an_option_without_a_value_is_told_by_its_number_since_it_may_be_half_of_a_secret() -> None:
    found = problem(environ=env(KAFKA__CLIENT='{"client.rack": a,b}'))
    message = "option 2 has no value: give it one, or put a value that holds a comma into quotes"
    assert found == Problem("kafka.client", message)


# What a text may hold


TEXTS = (
    *("kafka.bootstrap_servers", "kafka.group_id", "kafka.topics", "kafka.client_id"),
    *("kafka.group_instance_id", "kafka.sasl_username", "kafka.sasl_password", "kafka.ssl_key_password"),
    *("dead_letter.topic", "destination.url", "destination.allowed_hosts", "destination.allowed_networks"),
    *("destination.tls.key_password", "destination.secret_headers", "admin.host", "admin.token"),
)


@pytest.mark.parametrize(
    ("name", "character"),
    [
        *((name, "\n") for name in TEXTS),
        *((TEXTS[1], each) for each in ("\r", "\0", "\t", "\x7f", "\x85", "\u2028", "\ufeff")),
    ],
)
def test_a_control_character_in_a_text_is_refused_with_its_place(name: str, character: str) -> None:
    found = problem(environ={**env(), loading.variable(name): f"{SECRET}{character}x"})
    assert found.path == name
    assert f"U+{ord(character):04X} at character {len(SECRET) + 1}" in found.message
    assert SECRET not in str(found)


def test_a_control_character_in_the_file_is_refused_in_lists_and_options_too(write: Write) -> None:
    file = write(
        'kafka: {topics: ["a\\nb"], client: {client.rack: "a\\nb", ssl.ca.pem: "a\\nb"},\n'
        "  security_protocol: ssl}\n"
        'destination: {url: "https://h.example/hook\\n"}\n'
    )
    variables = {
        PREFIX + key: text
        for key, text in MINIMAL.items()
        if key not in ("KAFKA__TOPICS", "DESTINATION__URL")
    }
    found = problems(file, variables)
    assert [each.path for each in found] == ["kafka.topics", "kafka.client", "destination.url"]
    assert "ssl.ca.pem" not in str(found)


@pytest.mark.parametrize(
    "name", ["destination.url", "kafka.sasl_password", "kafka.topics", "delivery.max_in_flight"]
)
def test_white_space_around_a_variable_is_no_part_of_it(name: str) -> None:
    text, meant = EXAMPLES[name]
    said = env() | beside(name) | {loading.variable(name): f" {text}\r\n"}
    assert value(loading.load(None, said), name) == meant


def test_white_space_around_what_a_reference_finds_is_no_part_of_it(write: Write) -> None:
    file = write("destination: {headers: {A: {from_env: A}}}")
    settings = loading.load(file, {**env(), "A": " Bearer x\r\n"})
    assert settings.destination.headers["A"].get_secret_value() == "Bearer x"


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_secret_is_refused_with_a_remedy(write: Write, tmp_path: Path, text: str) -> None:
    (tmp_path / "empty").write_text(text, encoding="utf-8")
    file = write(
        f"kafka: {{client: {{a: {{from_env: EMPTY}}}}}}\n"
        f"destination: {{headers: {{A: {{from_env: EMPTY}}, B: {{from_file: {tmp_path}/empty}}}}}}\n"
    )
    found = problems(file, {**env(), "EMPTY": text})
    assert {each.path for each in found} == {
        "destination.headers.A",
        "destination.headers.B",
        "kafka.client.a",
    }
    assert {each.remedy for each in found} == {"fill it, or leave the setting out"}


@pytest.mark.parametrize(
    "name", [name for name, field in loading.fields() if field.annotation == SecretStr | None]
)
def test_an_empty_password_is_refused_with_a_remedy(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    for variable, text in (("", " "), ("_FILE", f"{tmp_path}/empty")):
        found = problem(environ={**env(), loading.variable(name) + variable: text})
        assert found == Problem(name, "is empty: give the secret, or leave the setting out")


def test_an_empty_header_is_refused_where_it_is_a_secret_alone(write: Write) -> None:
    loading.load(write('destination: {headers: {X-Empty: ""}}'), env())
    found = problem(write('destination: {headers: {Authorization: " "}}'))
    assert "Authorization is empty" in found.message


PLACEHOLDERS = (
    "{{ event.userId }}",
    "a/{{x}}/b",
    "${TENANT}",
    "a-${A_B:-c}",
    "$(TENANT)",
    "<TENANT>",
    "<your token>",
)


PASSWORDS = tuple(
    name
    for name, field in loading.fields()
    if field.annotation == SecretStr | None and name != "destination.auth.private_key"
)
"""A private key that looks like something else is none."""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, PLACEHOLDERS[0]) for name in TEXTS if name not in PASSWORDS),
        *((TEXTS[1], text) for text in PLACEHOLDERS[1:]),
    ],
)
def test_a_placeholder_that_nobody_fills_is_refused_with_the_remedy(name: str, text: str) -> None:
    found = problem(environ={**env(), loading.variable(name): text})
    assert found.path == name
    assert "which nothing fills in: write what it stands for" in found.message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, PLACEHOLDERS[0]) for name in PASSWORDS),
        *((PASSWORDS[0], text) for text in PLACEHOLDERS[1:]),
    ],
)
def test_a_placeholder_for_a_password_is_refused_in_the_file_and_taken_as_it_is_from_elsewhere(
    write: Write, tmp_path: Path, name: str, text: str
) -> None:
    *sections, leaf = name.split(".")
    said: dict[str, Any] = {leaf: text}
    for section in reversed(sections):
        said = {section: said}
    found = problem(write(json.dumps(said)))
    assert (found.path, "which nothing fills in" in found.message) == (name, True)

    secret = f"a-long-secret{text.replace(' ', '').replace(':', '')}"
    (tmp_path / "secret").write_text(secret, encoding="utf-8")
    said = json.loads(json.dumps(said).replace(json.dumps(text), f'{{"from_file": "{tmp_path}/secret"}}'))
    others = env() | beside(name)
    for file, variables in (
        (None, {loading.variable(name): secret}),
        (None, {loading.variable(name) + "_FILE": f"{tmp_path}/secret"}),
        (write(json.dumps(said)), {}),
    ):
        assert value(loading.load(file, others | variables), name) == SecretStr(secret)


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_a_secret_header_or_option_from_elsewhere_may_look_like_a_placeholder(
    write: Write, text: str
) -> None:
    file = write(
        "destination: {headers: {X-A: {from_env: S}}}\nkafka: {client: {ssl.key.pem: {from_env: S}}}"
    )
    settings = loading.load(file, {**env(KAFKA__SECURITY_PROTOCOL="ssl"), "S": text})
    assert settings.destination.headers["X-A"] == SecretStr(text)
    assert settings.kafka.client["ssl.key.pem"] == SecretStr(text)
    said = json.dumps({"ssl.key.pem": text})
    variables = env(
        KAFKA__SECURITY_PROTOCOL="ssl", KAFKA__CLIENT=said, DESTINATION__HEADERS=json.dumps({"X-A": text})
    )
    settings = loading.load(None, variables)
    assert settings.destination.headers["X-A"] == SecretStr(text)
    assert settings.kafka.client["ssl.key.pem"] == SecretStr(text)


@pytest.mark.parametrize("shape", ["{{…}}", "${…}", "$(…)", "<…>"])
def test_a_placeholder_is_told_by_its_shape(shape: str) -> None:
    text = shape.replace("…", "Zq9")
    found = problem(environ=env(KAFKA__GROUP_ID=text))
    assert f"holds the placeholder {shape}, which" in found.message


def test_all_placeholders_of_a_text_are_told() -> None:
    found = problem(environ=env(DESTINATION__URL="http://h.example/{{ user }}/${TENANT}"))
    assert "holds the placeholders {{…}} and ${…}, which" in found.message


def test_placeholders_of_a_whole_configuration_are_told_at_once(write: Write) -> None:
    file = write(
        "kafka: {bootstrap_servers: 'b:1', group_id: g, topics: [events], client: {client.rack: '${R}'}}\n"
        "dead_letter: {topic: events.dlq}\n"
        "destination:\n"
        "  url: 'http://127.0.0.1:8081/users/{{ event.userId || \"none\" }}/${TENANT}'\n"
        '  headers: {Authorization: "Bearer ${CRM_TOKEN}", X-Ok: "<a@b.example>"}\n'
    )
    found = problems(file, {})
    assert [each.path for each in found] == ["kafka.client", "destination.url", "destination.headers"]
    assert "Authorization holds the placeholder ${…}" in found[-1].message
    assert "CRM_TOKEN" not in str(found)


@pytest.mark.parametrize(
    "url", ["https://h.example/{id}", "https://h.example/<id>/x", "https://h.example/%{id}"]
)
def test_a_url_with_braces_is_refused_with_the_remedy(url: str) -> None:
    found = problem(environ=env(DESTINATION__URL=url))
    assert "an event names a path of its own in `appendPath`" in found.message


@pytest.mark.parametrize("text", ["p{a}ss", "$5", "a<b>c", "{{", "100%", "$", "<>", "${", "a$b{c}"])
def test_a_password_may_hold_what_is_no_placeholder(text: str) -> None:
    settings = loading.load(None, env(DESTINATION__TLS__KEY_PASSWORD=text))
    assert settings.destination.tls.key_password == SecretStr(text)


# Topics


@pytest.mark.parametrize("text", ['["a", "b"]', ' ["a","b"] ', "a, b", "a,b,"])
def test_topics_in_a_variable_are_a_list_with_commas_or_as_json(text: str) -> None:
    assert loading.load(None, env(KAFKA__TOPICS=text)).kafka.topics == ["a", "b"]


@pytest.mark.parametrize(
    "text", ["[events]", '["a", ]', "a b", "", "a/b", ".", "..", "ä", "x" * 250, '["a", {}]']
)
def test_what_is_no_topic_is_refused_with_how_to_write_several(text: str) -> None:
    found = problem(environ=env(KAFKA__TOPICS=text or '[""]'))
    assert found.path == "kafka.topics"
    assert 'written a, b or as the list ["a", "b"]' in found.message
    assert problem(environ=env(DEAD_LETTER__TOPIC=text or " ")).path == "dead_letter.topic"


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("^ev{1,3}", ["^ev{1,3}"]),
        ("a, ^(b{1,2},c)$ ,^[d,e],", ["a", "^(b{1,2},c)$", "^[d,e]"]),
        ("^a[(]b", ["^a[(]b"]),
    ],
)
def test_a_comma_inside_the_brackets_of_a_pattern_is_the_patterns(text: str, topics: list[str]) -> None:
    assert loading.load(None, env(KAFKA__TOPICS=text)).kafka.topics == topics


@pytest.mark.parametrize("text", ["^a[(]b, c", "^a{1,3, b", "^a}1,3{"])
def test_a_pattern_whose_commas_cannot_be_told_is_to_be_written_as_a_list(text: str) -> None:
    found = problem(environ=env(KAFKA__TOPICS=text))
    assert found.path == "kafka.topics"
    assert 'write the list ["^…", "…"]' in found.message


@pytest.mark.parametrize("text", ["[a, b, a]", "[^a, b, ^a]", '"a,a"'])
def test_a_topic_given_twice_is_refused(write: Write, text: str) -> None:
    variables = {PREFIX + key: text for key, text in MINIMAL.items() if key != "KAFKA__TOPICS"}
    found = problem(write(f"kafka: {{topics: {text}}}"), variables)
    assert found.path == "kafka.topics"
    assert "is given twice: name each topic once" in found.message


def test_a_pattern_may_match_a_topic_that_is_named_too() -> None:
    assert loading.load(None, env(KAFKA__TOPICS="events, ^ev.*$")).kafka.topics == ["events", "^ev.*$"]


# What YAML would make of a text


def test_numbers_of_a_file_keep_their_digits(write: Write) -> None:
    file = write(
        "kafka: {bootstrap_servers: 'b:1', group_id: 0123, topics: [1.10], client: {client.rack: 1e3}}\n"
        "dead_letter: {topic: 0x1F}\n"
        "destination:\n  url: http://127.0.0.1:8081/hook\n  headers:\n"
        "    X-Api-Version: 1.10\n    X-Org: 007\n    X-Hex: 0x1F\n    X-Colon: 12:30:45\n"
        "    X-Account: 3.56136738e+08\n    X-Date: 2024-01-31\n    X-On: on\n    X-Yes: yes\n"
        "delivery: {max_in_flight: 64, rate_limit: 1e3, drain_timeout: 25}\n"
        "circuit: {unready: yes, enabled: false}\n"
    )
    settings = loading.load(file, {})
    assert (settings.kafka.group_id, settings.kafka.topics) == ("0123", ["1.10"])
    assert settings.kafka.client == {"client.rack": "1e3"}
    assert settings.dead_letter.topic == "0x1F"
    assert [header.get_secret_value() for header in settings.destination.headers.values()] == [
        *("1.10", "007", "0x1F", "12:30:45", "3.56136738e+08", "2024-01-31", "on", "yes")
    ]
    assert (settings.delivery.max_in_flight, settings.delivery.rate_limit) == (64, 1000.0)
    assert (settings.circuit.unready, settings.circuit.enabled) == (True, False)


def test_keys_given_twice_are_told_all_at_once_with_their_lines(write: Write) -> None:
    file = write("admin:\n  port: 1\n  port: 2\nlog: {}\nadmin: {}\n")
    assert problems(file) == [
        Problem(f"{file}:3", "the key port is given twice, again in column 3"),
        Problem(f"{file}:5", "the key admin is given twice, again in column 1"),
    ]


@pytest.mark.parametrize("setting", ["DESTINATION__HEADERS", "KAFKA__CLIENT"])
def test_keys_given_twice_in_a_variable_are_refused(setting: str) -> None:
    found = problem(environ=env(**{setting: f'{{"x": "{SECRET}", "x": "b"}}'}))
    assert "a key is given twice" in found.message
    assert SECRET not in str(found)


def test_headers_that_differ_in_case_alone_are_refused(write: Write) -> None:
    found = problem(write("destination: {headers: {X-A: a, x-a: b, X-B: c}}"))
    assert "X-A and x-a are one header: give it once" in found.message


# Settings that have to fit each other


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"SECURITY_PROTOCOL": "sasl_ssl"}, "security_protocol sasl_ssl needs sasl_mechanism"),
        ({"SECURITY_PROTOCOL": "sasl_plaintext"}, "security_protocol sasl_plaintext needs sasl_mechanism"),
        (
            {"SASL_MECHANISM": "PLAIN", "SECURITY_PROTOCOL": "sasl_ssl"},
            "sasl_mechanism PLAIN needs sasl_username and sasl_password",
        ),
        (
            {"SASL_MECHANISM": "SCRAM-SHA-512", "SASL_USERNAME": "u", "SECURITY_PROTOCOL": "sasl_ssl"},
            "sasl_mechanism SCRAM-SHA-512 needs sasl_username and sasl_password",
        ),
        (
            {"SASL_MECHANISM": "SCRAM-SHA-256", "SASL_PASSWORD": "p", "SECURITY_PROTOCOL": "sasl_ssl"},
            "sasl_mechanism SCRAM-SHA-256 needs sasl_username and sasl_password",
        ),
    ],
)
def test_a_login_needs_a_mechanism_a_user_and_a_password(said: dict[str, str], message: str) -> None:
    found = problem(environ=env(**{f"KAFKA__{name}": text for name, text in said.items()}))
    assert found == Problem("kafka", message)


OAUTHBEARER = {"KAFKA__SECURITY_PROTOCOL": "sasl_ssl", "KAFKA__SASL_MECHANISM": "OAUTHBEARER"}


@pytest.mark.parametrize(
    "options", ['{"sasl.oauthbearer.method": "oidc"}', '{"enable.sasl.oauthbearer.unsecure.jwt": true}']
)
def test_a_login_by_oauthbearer_needs_no_user(options: str) -> None:
    assert loading.load(None, env(**OAUTHBEARER, KAFKA__CLIENT=options)).kafka.sasl_username is None


@pytest.mark.parametrize("options", ["{}", '{"sasl.oauthbearer.method": "default"}'])
def test_a_login_by_oauthbearer_needs_to_know_where_tokens_are_had(options: str) -> None:
    found = problem(environ=env(**OAUTHBEARER, KAFKA__CLIENT=options))
    assert found.path == "kafka"
    assert "needs sasl.oauthbearer.method: oidc in kafka.client, with" in found.message


@pytest.mark.parametrize("protocol", ["plaintext", "ssl"])
def test_a_login_that_the_protocol_leaves_out_is_refused(protocol: str) -> None:
    said = {"SASL_MECHANISM": "PLAIN", "SASL_USERNAME": "u", "SASL_PASSWORD": SECRET}
    said |= {"SECURITY_PROTOCOL": protocol, "CLIENT": '{"sasl.oauthbearer.method": "oidc"}'}
    found = problem(environ=env(**{f"KAFKA__{name}": text for name, text in said.items()}))
    assert found == Problem(
        "kafka",
        "client.sasl.oauthbearer.method, sasl_mechanism, sasl_password, sasl_username are not used with "
        f"security_protocol {protocol}: set that to sasl_ssl, or sasl_plaintext",
    )


@pytest.mark.parametrize("protocol", ["plaintext", "sasl_plaintext"])
def test_certificates_that_the_protocol_leaves_out_are_refused(protocol: str) -> None:
    said = {loading.variable(name): EXAMPLES[name][0] for name in LOGIN if "sasl" in protocol}
    said |= {PREFIX + "KAFKA__SECURITY_PROTOCOL": protocol, PREFIX + "KAFKA__SSL_CA_FILE": str(HERE)}
    found = problem(environ=env() | said)
    message = f"ssl_ca_file is not used with security_protocol {protocol}: set that to ssl, or sasl_ssl"
    assert found == Problem("kafka", message)


@pytest.mark.parametrize(("drain", "ok"), [("270", True), ("271", False), ("301", False)])
def test_a_drain_ends_before_the_group_gives_the_process_up(drain: str, ok: bool) -> None:
    environ = env(DELIVERY__DRAIN_TIMEOUT=drain)
    if ok:
        assert loading.load(None, environ).longest_revocation(60.0) == 285.0
    else:
        message = "delivery.drain_timeout must be below nine tenths of kafka.max_poll_interval"
        assert message in str(problem(environ=environ))


def test_handing_partitions_back_takes_as_long_as_the_drain_and_the_last_commits() -> None:
    assert loading.load(None, env()).longest_revocation(10.0) == 35.0


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
    found = problem(write("zzzzzz: 1"))
    assert (found.path, found.message) == ("zzzzzz", "is no setting")
    assert "did you mean" not in found.remedy


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
    environ = env(KAFKA__NONSENSE="1", DESTINATION__TLS__KEY_PASSWORD_FILE="/no/such", ADMIN__PORT="x")
    assert {found.path for found in problems(file, environ)} == {
        "kafak",
        "destination.headers.A",
        "destination.name",
        PREFIX + "KAFKA__NONSENSE",
        PREFIX + "DESTINATION__TLS__KEY_PASSWORD_FILE",
        "admin.port",
    }


def test_settings_that_do_not_fit_each_other_are_told_beside_others() -> None:
    found = problems(environ=env(DELIVERY__DRAIN_TIMEOUT="300", ADMIN__PORT="x"))
    assert len(found) == 2
    assert "drain_timeout" in "".join(map(str, found))


def judged(file: Path) -> list[str]:
    """All that is told of a file by those who are to take the settings."""
    with pytest.raises(ConfigError) as caught:
        loading.load(
            file,
            {},
            lambda settings: refuse_unknown(settings.kafka, settings.dead_letter),
            lambda settings: ssl_context(settings.destination.tls),
        )
    return [str(each) for each in caught.value.problems]


EVERYWHERE = (
    *("acks cannot be set here", "nope is no", "fetch.max.bytes cannot", "needs sasl_username"),
    *("^[ is no regular expression", "the environment variable NOPE is not set", "header 1: a header name"),
    *("B holds the placeholder", "destination.tls.ca_file", "delivery.order", "foo: is no setting"),
    *("delivery.min_in_flight must not", "dead_letter.topic is in kafka.topics", "retry.max_attempts"),
)


def test_what_is_wrong_is_told_at_once_whoever_finds_it(write: Write) -> None:
    told = judged(
        write(
            "kafka: {bootstrap_servers: 'a:1', group_id: g, topics: [events, '^['], sasl_mechanism: PLAIN,\n"
            "  client: {nope: 1, acks: 0, fetch.max.bytes: abc}}\n"
            "dead_letter: {topic: events}\n"
            f"destination: {{url: 'http://h:99999/', tls: {{ca_file: {__file__}}},\n"
            "  headers: {'a b': x, A: {from_env: NOPE}, B: '${x}'}}\n"
            "retry: {max_attempts: 0}\ndelivery: {min_in_flight: 100, order: keys}\nfoo: {}\n"
        )
    )
    assert [part for part in EVERYWHERE if part not in "\n".join(told)] == []
    assert len(told) == len(set(told)) == len(EVERYWHERE)


def test_a_pattern_that_could_hang_never_reaches_the_library_that_judges_the_others(write: Write) -> None:
    hangs = "^" + "(a*b*)*" * 30
    settings = f"kafka: {{bootstrap_servers: 'a:1', group_id: g, topics: ['{hangs}', '^[']}}\n"
    told = judged(write(f"{settings}dead_letter: {{topic: d}}\ndestination: {{url: 'http://h/'}}\n"))
    assert [each.partition(" ")[2].partition(" ")[0] for each in told] == [hangs, "^["]
    assert "repeats what may be empty" in told[0]


def test_what_is_wrong_alone_is_not_told_of_a_stand_in_or_a_default_as_well(write: Write) -> None:
    file = write(
        "kafka: {max_poll_interval: 10, session_timeout: 9,\n"
        "  security_protocol: sasl_ssl, sasl_mechanism: nope, client: {fetch.max.bytes: {from_env: NOPE}}}\n"
        "destination: {tls: {ca_file: /no/such}}\ndelivery: {drain_timeout: x}\n"
    )
    assert sorted(each.partition(": ")[0] for each in judged(file)) == [
        *("dead_letter", "delivery.drain_timeout", "destination.tls.ca_file", "destination.url"),
        *("kafka.bootstrap_servers", "kafka.client.fetch.max.bytes", "kafka.group_id"),
        *("kafka.sasl_mechanism", "kafka.topics"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("retry.delivered_statuses", "2xx, 600, abc, 20x", ["'600'", "'abc'", "'20x'"]),
        ("dead_letter.always", "refused, no, 999", ["'no'", "'999'"]),
        ("kafka.topics", "a b, ok, c/d", ["'a b'", "'c/d'"]),
        ("destination.allowed_hosts", "a/b, ok, *.c", ["'a/b'", "'*.c'"]),
        ("destination.allowed_networks", "10.0.0.0/33, 10.1.0.0/16, x", ["10.0.0.0/33", "x"]),
        ("admin.allowed_hosts", "a/b, ok, c:1", ["'a/b'", "'c:1'"]),
        ("kafka.client", '{"acks": 1, "client.rack": "${x}", "a": []}', ["acks", "client.rack", "a must"]),
    ],
)
def test_all_that_is_wrong_in_a_list_is_told(name: str, text: str, wrong: list[str]) -> None:
    found = problem(environ={**env(), loading.variable(name): text})
    assert found.path == name
    assert [each for each in wrong if each not in found.message] == []
    assert "'ok'" not in found.message


def test_all_bad_headers_are_told(write: Write) -> None:
    headers = "{Content-Length: 1, Te: x, 'X Y': a, 'Z\"': b, Ok: c}"
    told = "\n".join(map(str, problems(write(f"destination: {{headers: {headers}}}"))))
    assert [name for name in ("Content-Length", "Te", "header 3", "header 4") if name not in told] == []
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
        ("a: b\n---\nc: d\n", 2),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(write: Write, text: str, line: int) -> None:
    file = write(text)
    found = problem(file)
    assert found.path == f"{file}:{line}"
    assert found.message.startswith("is not YAML: ")


@pytest.mark.slow
@pytest.mark.parametrize("text", ["a: \0", "a: " + "[" * 5000])
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
    found = problem(environ=env(DESTINATION__TLS__KEY_PASSWORD_FILE=str(file)))
    assert found == Problem(
        PREFIX + "DESTINATION__TLS__KEY_PASSWORD_FILE", f"the file {file} cannot be read: {reason}"
    )


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
    assert reason in problem(environ=env(DESTINATION__TLS__KEY_PASSWORD_FILE=str(file))).message
    header = {"destination": {"headers": {"A": {"from_file": str(file)}}}}
    assert reason in problem(write(json.dumps(header)), env()).message


def test_settings_show_no_secret() -> None:
    settings = loading.load(None, env(**SECRET_CONFIGURATION))
    for shown in (repr(settings), str(settings), f"{settings.kafka!r} {settings.dead_letter}"):
        assert SECRET not in shown


def test_secrets_are_all_that_is_secret_and_the_token_behind_its_scheme_too() -> None:
    secrets = loading.load(None, env(**SECRET_CONFIGURATION)).secrets
    kinds = [f"{SECRET}-{kind}" for kind in ("sasl", "key", "oauth", "store", "tls", "token", "admin")]
    assert [each for each in (*kinds, f"Bearer {SECRET}-token") if each not in secrets] == []
    assert [each for each in ("text/xml", "rack-of-mine", "user") if each in secrets] == []


def test_a_plain_header_is_no_secret_unless_it_is_marked_or_comes_from_elsewhere(
    write: Write, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text(" from-a-file\n", encoding="utf-8")
    file = write(
        "destination:\n  secret_headers: [x-marked]\n  headers:\n    X-Source: events\n    X-Env: prod\n"
        f"    X-Marked: marked\n    A: {{from_env: ELSEWHERE}}\n    B: {{from_file: {tmp_path}/file}}\n"
    )
    secrets = loading.load(file, {**env(), "ELSEWHERE": "from-a-variable"}).secrets
    assert [each for each in ("marked", "from-a-variable", "from-a-file") if each not in secrets] == []
    assert secrets.strike("of events/0 in prod") == "of events/0 in prod"


def test_headers_that_a_file_holds_are_secrets_all_together(tmp_path: Path) -> None:
    (tmp_path / "headers").write_text('{"X-Whatever": "hunter2"}', encoding="utf-8")
    assert "hunter2" in loading.load(None, env(DESTINATION__HEADERS_FILE=f"{tmp_path}/headers")).secrets


def test_all_who_strike_secrets_hold_one_object() -> None:
    settings = loading.load(None, env(**SECRET_CONFIGURATION, LIVE__PAYLOADS="full"))
    assert settings.dead_letter_policy().secrets is settings.secrets
    assert settings.disclosure_policy() == DisclosurePolicy(Payloads.FULL, settings.secrets)


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
        loading.load(None, env(**said))
    error = caught.value
    assert SECRET not in f"{error} {error!r} {error.problems}"
    assert SECRET not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "said",
    [
        *(f"kafka: {{sasl_password: {text}}}" for text in (f"*{SECRET}", f"{{{SECRET}, {SECRET}}}")),
        *(f"kafka: {{sasl_password: {text}}}" for text in (f"a,{SECRET}", f"%{SECRET}", f"[{SECRET}]")),
        *(f"destination: {{headers: {{Authorization: {text}}}}}" for text in (f"a,{SECRET}", f"[{SECRET}]")),
        f"destination: {{headers: {{'Authorization: {SECRET}'}}}}",
        f"destination: {{headers: {{'Authorization: {SECRET}': x}}}}",
        f"kafka: {{client: {{sasl.oauthbearer.client.secret: a,{SECRET}}}}}",
        f"{SECRET}",
        f"kafka:\n  sasl_password:\n{SECRET}:\n",
    ],
)
def test_a_secret_that_is_badly_quoted_is_not_told(write: Write, said: str) -> None:
    assert SECRET not in str(problems(write(said)))


def test_the_errors_of_a_section_quote_no_secret_either() -> None:
    with pytest.raises(ValidationError) as caught:
        KafkaSettings.model_validate({"sasl_password": [SECRET], "client": {"ssl.key.pem": [SECRET]}})
    assert SECRET not in f"{caught.value} {caught.value!r}"


SLACK = "https://hooks.slack.com/services/T0000/B0000/abcdefghijklmnop"


@pytest.mark.parametrize(
    ("said", "variables", "is_secret"),
    [
        ("url: {from_env: HOOK}", {}, True),
        ("url: {from_file: FILE}", {}, True),
        ("", {PREFIX + "DESTINATION__URL": "https://h.example/my/hook"}, True),
        ("", {PREFIX + "DESTINATION__URL_FILE": "FILE"}, True),
        ("url: 'https://h.example/my/hook', url_is_secret: true", {}, True),
        (f"url: '{SLACK}'", {}, True),
        ("url: 'https://h.example/my/hook'", {}, False),
        ("url: {from_env: HOOK}, url_is_secret: false", {}, False),
        ("url_is_secret: false", {PREFIX + "DESTINATION__URL": "https://h.example/my/hook"}, False),
    ],
)
def test_a_url_is_a_secret_where_it_comes_from_elsewhere_or_says_or_looks_so(
    write: Write, tmp_path: Path, said: str, variables: dict[str, str], is_secret: bool
) -> None:
    (tmp_path / "url").write_text("https://h.example/my/hook\n", encoding="utf-8")
    place = str(tmp_path / "url")
    rest = {PREFIX + key: text for key, text in MINIMAL.items() if key != "DESTINATION__URL"}
    variables = {name: text.replace("FILE", place) for name, text in variables.items()}
    settings = loading.load(
        write(f"destination: {{{said.replace('FILE', place)}}}"),
        rest | variables | {"HOOK": "https://h.example/my/hook\n"},
    )
    url = settings.destination.url
    assert url in ("https://h.example/my/hook", SLACK)
    shown = settings.secrets.url(url)
    assert (shown == f"{Transform(settings.request_policy()).origin}/…") is is_secret
    struck = settings.secrets.strike("you asked for /my/hook or abcdefghijklmnop")
    assert (struck != "you asked for /my/hook or abcdefghijklmnop") is is_secret
    assert "/my/hook" not in f"{settings!r} {settings}"


def test_every_text_that_is_a_secret_may_stand_elsewhere(write: Write) -> None:
    file = write(
        "kafka:\n  sasl_password: {from_env: A}\n  ssl_key_password: {from_env: A}\n"
        "  security_protocol: sasl_ssl\n  sasl_mechanism: PLAIN\n  sasl_username: u\n"
        "  client: {sasl.oauthbearer.client.secret: {from_env: A}, client.rack: {from_env: B}}\n"
        "dead_letter: {client: {ssl.keystore.password: {from_env: A}}}\n"
        "admin: {token: {from_env: A}}\ndestination: {tls: {key_password: {from_env: A}}}\n"
    )
    settings = loading.load(file, {**env(), "A": SECRET, "B": "hunter2"})
    assert settings.kafka.sasl_password == settings.admin.token == SecretStr(SECRET)
    assert client_options(settings.kafka)["sasl.oauthbearer.client.secret"] == SECRET
    assert client_options(settings.kafka)["client.rack"] == "hunter2"
    assert SECRET in settings.secrets
    assert "hunter2" in settings.secrets
    assert "hunter2" not in repr(settings)


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
    for name, field in loading.fields():
        assert schema_of(name, schema), name
        assert field.description, name
    assert set(schema["required"]) == {"kafka", "dead_letter", "destination"}
    assert schema["additionalProperties"] is False
    for section in schema["$defs"].values():
        assert section.get("additionalProperties") is False or "enum" in section


def test_policies_have_the_same_defaults_as_the_settings() -> None:
    settings = loading.load(None, env())
    delivery = settings.delivery
    assert settings.retry_policy() == RetryPolicy()
    assert settings.flow_policy() == FlowPolicy(destination="webhook")
    assert settings.admission_policy() == AdmissionPolicy()
    made = NAMES | {"webhook-id"}
    assert settings.request_policy() == RequestPolicy("https://h.example/hook", reserved_headers=made)
    assert settings.filter_policy() == FilterPolicy()
    assert settings.lease_policy() == LeasePolicy()
    assert PipelinePolicy(delivery.commit_interval, delivery.drain_timeout) == PipelinePolicy()


@pytest.mark.parametrize(("limit", "burst"), [("100", 10), ("0.5", 1)])
def test_without_a_burst_a_tenth_of_a_second_may_leave_at_once(limit: str, burst: int) -> None:
    policy = loading.load(None, env(DELIVERY__RATE_LIMIT=limit)).admission_policy()
    assert policy.rate == RatePolicy(float(limit), burst)


def test_without_a_budget_every_refusal_is_a_dead_letter() -> None:
    assert loading.load(None, env(DEAD_LETTER__BUDGET="null")).admission_policy().budget is None


@pytest.mark.parametrize(
    ("said", "misfit"),
    [
        ({"DELIVERY__MIN_IN_FLIGHT": "65"}, "delivery.min_in_flight must not be above"),
        ({"DELIVERY__COMMIT_INTERVAL": "15.1"}, "delivery.commit_interval must not be above a third"),
        ({"DEAD_LETTER__TOPIC": "events"}, "every dead letter would be read again"),
        ({"KAFKA__TOPICS": "a, events.dlq"}, "every dead letter would be read again"),
        ({"KAFKA__TOPICS": "a", "DEAD_LETTER__TOPIC": " a "}, "every dead letter would be read again"),
        ({"REPORTS__TOPIC": "events"}, "every report would be read as an event"),
        ({"REPORTS__TOPIC": "events.dlq"}, "reports.topic is dead_letter.topic"),
    ],
)
def test_settings_that_are_wrong_only_together_are_refused(said: dict[str, str], misfit: str) -> None:
    with pytest.raises(ConfigError, match=misfit):
        loading.load(None, env(**said))


@pytest.mark.parametrize(
    ("topics", "dead_letters", "patterns"),
    [
        ("^events.*", "events.dlq", ["^events.*"]),
        ("events,^e,^.*[.]dlq$,^x", "events.dlq", ["^e", "^.*[.]dlq$"]),
        ("events,^(", "events.dlq", []),
        ("^events$", "events.dlq", []),
        ("^x|dlq$", "events.dlq", ["^x|dlq$"]),
        (r"^\w+.\d", "events.dlq", [r"^\w+.\d"]),
        ("^([a-z]+[.-]?)+$", "production.customer-events-of-the-website_dlq", []),
    ],
)
def test_patterns_that_match_the_dead_letter_topic_are_a_warning(
    topics: str, dead_letters: str, patterns: list[str]
) -> None:
    settings = loading.load(None, env(KAFKA__TOPICS=topics, DEAD_LETTER__TOPIC=dead_letters))
    assert [warning.split()[1] for warning in settings.warnings()] == patterns


def test_what_reports_mean_and_where_they_mean_nothing() -> None:
    told = env(REPORTS__TOPIC="events.r", REPORTS__REQUIRED="true", REPORTS__BODY="7", KAFKA__TOPICS="a,^e")
    settings = loading.load(None, told)
    policy = settings.report_policy()
    assert (policy.destination, policy.is_required, policy.body_bytes) == ("webhook", True, 7)
    assert policy.secrets is settings.secrets
    failures = loading.load(None, env(REPORTS__TOPIC="r", REPORTS__OUTCOMES="dead_lettered"))
    assert failures.report_policy().outcomes == {Outcome.DEAD_LETTERED}
    assert settings.unread_topics() == {"events.dlq", "events.r"}
    assert "^e matches the topic of reports events.r" in settings.warnings()[1]
    silent = loading.load(None, env(REPORTS__REQUIRED="true", REPORTS__BODY="none"))
    assert (silent.reports.topic, silent.report_policy().body_bytes) == (None, 0)
    assert [each.split()[0] for each in silent.warnings()] == ["reports.body", "reports.required"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("TOPIC", "a,b"), ("BODY", "0"), ("BODY", "16385"), ("OUTCOMES", "failed"), ("OUTCOMES", "[]")],
)
def test_what_can_mean_no_report_is_refused(name: str, text: str) -> None:
    told = {"REPORTS__TOPIC": "events.r"} | {f"REPORTS__{name}": text}
    assert problem(environ=env(**told)).path == f"reports.{name.lower()}"


def test_what_brokers_match_is_no_warning_since_nobody_here_knows() -> None:
    said = env(KAFKA__TOPICS="^events", KAFKA__GROUP_PROTOCOL="consumer", DEAD_LETTER__TOPIC="events.dlq")
    kafka = loading.load(None, said).kafka
    assert kafka.patterns_for("events.dlq") == []
    assert [kafka.may_read(topic) for topic in ("events", "x")] == [True, True]


FRAMED = {"RECORD__VALUE": "registry", "SCHEMA_REGISTRY__URL": "https://a"}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"RECORD__VALUE": "registry"}, "needs schema_registry.url"),
        ({**FRAMED, "SCHEMA_REGISTRY__USERNAME": "a"}, "need each other"),
        (
            {**FRAMED, "SCHEMA_REGISTRY__USERNAME": "a:b", "SCHEMA_REGISTRY__PASSWORD": "c"},
            "username holds a colon",
        ),
        ({**FRAMED, "SCHEMA_REGISTRY__OAUTH__CLIENT_ID": "a"}, "give all three"),
        ({**FRAMED, "RECORD__UNWRAP": "connect"}, "registry has no such envelope"),
        ({**FRAMED, "DESTINATION__BODY": "value"}, "is for record.value: raw"),
        (
            {
                **FRAMED,
                "SCHEMA_REGISTRY__TOKEN": "a",
                "SCHEMA_REGISTRY__USERNAME": "b",
                "SCHEMA_REGISTRY__PASSWORD": "c",
            },
            "username and token, which exclude each other",
        ),
        ({**FRAMED, "SCHEMA_REGISTRY__URL": "registry:8081"}, "is no URL of a service"),
        ({**FRAMED, "SCHEMA_REGISTRY__URL": "https://a/x?y=1"}, "is no URL of a service"),
        ({**FRAMED, "SCHEMA_REGISTRY__URL": "https://me:pw@a"}, "holds a login"),
        ({**FRAMED, "SCHEMA_REGISTRY__URL": " , "}, "is empty"),
        ({**FRAMED, "SCHEMA_REGISTRY__OAUTH__IDENTITY_POOL": "ä"}, "cannot be sent"),
    ],
)
def test_what_cannot_be_said_of_a_registry_is_told_with_its_remedy(said: dict[str, str], words: str) -> None:
    assert any(words in str(each) for each in problems(None, env(**said)))


def test_a_registry_that_is_not_asked_is_warned_of() -> None:
    warned = loading.load(None, env(SCHEMA_REGISTRY__URL="https://a")).warnings()
    assert [each.partition(":")[0] for each in warned] == ["schema_registry"]
    said = {**FRAMED, "RECORD__TIMES": "number", "RECORD__UNWRAP": "debezium"}
    assert loading.load(None, env(**said)).warnings() == []


def test_secrets_of_a_registry_are_known_and_where_those_stand_that_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(SECRET, encoding="utf-8")
    said = {**FRAMED, "SCHEMA_REGISTRY__USERNAME": "a"}
    file = str(tmp_path / "password")
    settings = loading.load(None, env(**said, SCHEMA_REGISTRY__PASSWORD_FILE=file))
    assert settings.secrets.strike(f"<{SECRET}>") == "<***>"
    assert settings.files == {"schema_registry.password": tmp_path / "password"}
    (tmp_path / "settings.yaml").write_text(f"schema_registry: {{password: {{from_file: {file}}}}}")
    settings = loading.load(tmp_path / "settings.yaml", env(**said))
    assert settings.files == {"schema_registry.password": tmp_path / "password"}


def test_topics_to_read_are_those_named_and_those_a_pattern_finds() -> None:
    kafka = loading.load(None, env(KAFKA__TOPICS=r"a,^b\d")).kafka
    assert [topic for topic in ("a", "ab", "bd", "b1") if kafka.may_read(topic)] == ["a", "bd"]


@pytest.mark.parametrize("pattern", [r"^(a)\1", "^(a*)*", "^(a{255}){255}", "^" + "a" * 1000])
def test_a_pattern_that_could_hang_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"kafka\.topics"):
        loading.load(None, env(KAFKA__TOPICS=f"events,{pattern}"))


def test_what_the_operator_says_arrives_in_the_policies() -> None:
    auth = tuple(name for name in EXAMPLES if name.startswith(AUTH))
    beside = ("destination.body_template", "destination.encoding", *auth, *EXCLUDED)
    said = {
        loading.variable(name): text
        for name, (text, _) in EXAMPLES.items()
        if name not in beside and not name.startswith("record.")
    }
    settings = loading.load(None, env() | said)
    destination = settings.destination.name
    assert settings.flow_policy() == FlowPolicy(Order.PARTITION, 4, 4096, 1023, destination=destination)
    assert settings.admission_policy() == AdmissionPolicy(
        ConcurrencyPolicy(3, 2, adaptive=False),
        CircuitPolicy(False, 20.0, 30, 0.8, 1.0, 2.0, 120.0, 3600.0),
        RatePolicy(12.5, 6),
        BudgetPolicy(5, 2),
        frozenset(("invalid_event", "422", *map(str, range(500, 600)))),
        PacingPolicy(enabled=False),
        7.0,
    )
    assert settings.lease_policy() == LeasePolicy(settings.kafka.session_timeout)
    assert settings.retry_policy() == RetryPolicy(
        frozenset((200, 204)),
        frozenset(range(400, 500)),
        *(3, 60.0, 86400.0, 0.1, 9.0, 7.0, False),
        # 511 is in `dead_letter.always` too, by its class.
        frozenset(),
    )
    assert settings.request_policy() == RequestPolicy(
        "http://h.example:81/x?y=1",
        Method.PATCH,
        (("Authorization", SECRET), ("X-N", "1")),
        frozenset(("a.example", "b.example:8443")),
        Envelope.NONE,
        proof_headers=frozenset(("authorization", "x-m", "x-n")),
        reserved_headers=frozenset(
            (
                *("X-Event-Id", "Idempotency-Key", "webhook-attempt"),
                *("webhook-id", "webhook-timestamp", "webhook-signature"),
            )
        ),
        templates=TemplatePolicy(
            "/users/{{ event.userId }}",
            {"a": "{{ record.topic }}"},
            body=Body({"id": "{{ event.id }}", "l": ["5"]}),
            content_type="text/csv",
        ),
    )
    assert settings.filter_policy() == FilterPolicy(
        Integrations.ALL,
        skip_tombstones=False,
        types=("track", "identify"),
        allowed_events=("Order Completed", "Other"),
        consent=ConsentPolicy({"oneTrust": Consent(("C1",))}, (), ("P1", "P2")),
        when="event.type == 'track'",
    )
    letters = settings.dead_letter_policy()
    assert (letters.destination, letters.group_id) == ("crm", "others")
    assert (letters.may_reduce, letters.keeps_time) == (True, False)


JUNK = [
    "",
    "junk",
    "[1, {",
    "{a: 1}",
    "[[1]]",
    "{from_env: }",
    "-1",
    "1.5.2",
    "9" * 5000,
    "1e999",
    "Nein",
    "null",
]
LIBRARY_WORDS = re.compile(
    r"Input|Unable|[Ss]tring|should|\bvalid\b|dictionary|instance|pattern '|parse|sys\.|Value error|Field"
)


@pytest.mark.slow
@pytest.mark.parametrize("junk", JUNK)
def test_whatever_is_wrong_is_told_in_our_words_with_its_place(write: Write, junk: str) -> None:
    for name in list(EXAMPLES)[JUNK.index(junk) % 3 :: 3]:  # each meets four of them, each kind all
        *sections, leaf = name.split(".")
        text = "".join(f"{'  ' * depth}{each}:\n" for depth, each in enumerate(sections))
        said = text + f"{'  ' * len(sections)}{leaf}: {json.dumps(junk) if junk == '[1, {' else junk}\n"
        with pytest.raises(ConfigError) as raised:
            loading.load(write(said), {})
        for each in raised.value.problems:
            assert each.path.startswith((*Settings.model_fields, "settings"))
            assert not LIBRARY_WORDS.search(each.message), each
            assert each.message[0].islower() or each.path in each.message or "'" in each.message, each
            assert len(str(each)) < 1000, each


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("delivery: {max_in_flight: many}", "must be a whole number from 1 to 10000"),
        ("delivery: {max_waiting_bytes: 64MiB}", "without a unit"),
        ("delivery: {commit_interval: 1s}", "must be a number from 0.001 to 604800"),
        ("circuit: {failure_rate: 2}", "must be a number above 0 and up to 1"),
        ("retry: {max_attempts: 0}", "must be a whole number from 1, or null"),
        ("log: {level: WARN}", "must be one of debug, info, warning, error (did you mean warning?)"),
        ("circuit: {enabled: maybe}", "must be true or false"),
        ("delivery: {order: }", "is empty (give a value, or leave the setting out)"),
        ("destination: {tls: yes}", "must be a mapping: names of settings with their values"),
        ("destination: {tls: {ca_file: /nowhere}}", "names no file that is there"),
        ("destination: {name: a b}", "must be 1 to 64 letters, digits, dots, - and _"),
        ("kafka: {auto_offset_reset: 99999999999999h}", "is none of earliest, latest, error, a duration"),
        ("retry: {retried_statuses: {a: 1}}", "must be a list of statuses, such as [404, 5xx]"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_write(write: Write, said: str, told: str) -> None:
    assert told in str(problem(write(said)))


def test_a_name_that_is_no_setting_is_told_on_one_line(write: Write) -> None:
    assert problem(write('"a\\nb": 1')).path == "a\ufffdb"


@pytest.mark.parametrize("gets_secrets", [False, True])
def test_hosts_that_events_name_get_no_secret_header_unless_the_settings_say_so(
    write: Write, *, gets_secrets: bool
) -> None:
    headers = (
        "{Authorization: Bearer a, X-Mine: b, X-Elsewhere: {from_env: C}, X-Looks: Basic Og==, X-Source: e}"
    )
    said = f"headers: {headers}, secret_headers: [x-mine], allowed_hosts_get_secrets: {gets_secrets}"
    settings = loading.load(
        write(f"destination: {{url: https://h.example, {said}}}"), env() | {"C": "secret"}
    )
    secret = {"authorization", "x-mine", "x-elsewhere", "x-looks"}
    assert settings.request_policy().own_headers == (set() if gets_secrets else secret)


@pytest.mark.parametrize(("connections", "most"), [("null", 64), ("5", 5), ("100", 64)])
def test_no_more_requests_are_under_way_than_there_may_be_connections(connections: str, most: int) -> None:
    settings = loading.load(None, env(DESTINATION__MAX_CONNECTIONS=connections))
    assert settings.max_in_flight() == most
    assert settings.admission_policy().concurrency.max_in_flight == most


def test_descriptors_are_those_of_requests_to_the_endpoint_and_to_hosts_of_events_and_some() -> None:
    few = env(DELIVERY__MAX_IN_FLIGHT="500", DESTINATION__MAX_CONNECTIONS="100")
    many = env(DELIVERY__MAX_IN_FLIGHT="500", DESTINATION__ALLOWED_HOSTS="a.example")
    assert loading.load(None, few).descriptors() == 100 + 256
    assert loading.load(None, many).descriptors() == 500 + 125 + 64 + 256


# What records are


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("record: {value: raw, unwrap: connect}", "record.unwrap is for JSON"),
        ("destination: {body: value}", "destination.body: value is for record.value: raw"),
        ("cloudevents: {type: t}", "cloudevents.type and cloudevents.source need each other"),
        ("cloudevents: {otherwise: wrap}", "cloudevents.otherwise: wrap needs"),
        ("{destination: {method: GET}, record: {value: raw}}", "GET has no body, which record.value: raw"),
        ("{destination: {method: DELETE}, cloudevents: {type: t, source: s}}", "which a CloudEvent needs"),
        ("destination: {forward_headers: [a*b]}", "'a*b' names no header"),
        ("destination: {forward_headers: [Host]}", "Host belongs to the connection"),
        ("destination: {content_type: 'text/ü'}", "is no content type"),
        ("debezium: {fields: [op, source..x]}", "'source..x' is no field"),
        ("{record: {value: cloudevent}, destination: {body: {}}}", "that of a CloudEvent is its data"),
        (
            "{record: {value: cloudevent}, destination: {body_template: x}}",
            "that of a CloudEvent is its",
        ),
        ("{record: {value: cloudevent}, destination: {encoding: form}}", "that of a CloudEvent is its data"),
        (
            "{record: {value: cloudevent}, destination: {headers: {Content-Type: '{{ record.key }}'}}}",
            "Content-Type is for a CloudEvent to say",
        ),
        ("{record: {value: raw}, destination: {encoding: form}}", "destination.encoding: form needs"),
        (
            "{cloudevents: {type: t, source: s, mode: structured}, destination: {body_template: x}}",
            "cloudevents.mode: structured has JSON in it",
        ),
        ("{record: {value: raw}, filter: {types: [a]}}", "filter.types is for JSON events"),
        ("{record: {value: cloudevent}, filter: {events: [a]}}", "filter.events is for JSON events"),
        (
            "{record: {value: cloudevent}, filter: {consent: {ketch_purposes: [a]}}}",
            "filter.consent is for JSON events",
        ),
        ("{record: {value: raw}, filter: {when: event.a == 1}}", "names `event`, but knows `record` alone"),
        ("{record: {value: raw}, destination: {path: '{{ event.a }}'}}", "names `event`, but knows `record`"),
        ("destination: {path: '{{ record.ofset }}'}", "names `record.ofset`, but a record has topic, part"),
        (
            "record: {value: avro}",
            "avro needs record.schema_file: give the path of its schema, or write record.value: registry",
        ),
        (
            "destination: {body: {a: [{key: {from_env: KEY}}]}}",
            "destination.body.a[0].key: a body takes no {from_env: …}, it would be sent as it stands",
        ),
        ("record: {value: protobuf, schema_file: /nowhere}", "names no file that is there"),
        ("record: {message: a.B}", "record.message says something of record.value: protobuf alone"),
        (f"record: {{schema_file: {HERE}}}", "record.value: avro and protobuf alone: leave it out, or set"),
        (
            f"record: {{value: avro, schema_file: {HERE}, protobuf_names: proto}}",
            "record.protobuf_names says",
        ),
        (f"record: {{value: protobuf, schema_file: {HERE}, times: number}}", "record.times says something"),
        (f"record: {{value: avro, schema_file: {HERE}, unwrap: connect}}", "avro has no such envelope"),
        (f"record: {{value: avro, schema_file: {HERE}, unwrap: debezium, unions: tagged}}", "hides the row"),
        (
            f"{{destination: {{body: value}}, record: {{value: avro, schema_file: {HERE}}}}}",
            "record.value: raw",
        ),
    ],
)
def test_what_records_cannot_be_is_told_with_its_remedy(write: Write, said: str, named: str) -> None:
    assert named in str(problem(write(said)))


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("debezium: {deletes: skip}", "debezium"),
        ("{record: {value: cloudevent}, destination: {content_type: a/b}}", "destination.content_type"),
        ("cloudevents: {mode: binary}", "cloudevents"),
        ("{record: {value: cloudevent}, cloudevents: {type: t, source: s}}", "cloudevents.type"),
    ],
)
def test_what_is_said_of_records_and_changes_nothing_is_a_warning(
    write: Write, said: str, named: str
) -> None:
    (warning,) = loading.load(write(said), env()).warnings()
    assert warning.startswith(f"{named}: changes nothing without ")


@pytest.mark.parametrize(
    "said",
    [
        "{record: {value: raw}, destination: {path: '{{ record.offset }}', body: value}}",
        "{record: {value: raw}, destination: {body: {b: '{{ record.value_base64 }}'}, encoding: form}}",
        "{record: {value: raw}, filter: {when: record.key is defined}}",
        "{record: {value: cloudevent}, filter: {types: [t], when: event.data.n > 1}}",
        "{record: {value: cloudevent}, destination: {path: '{{ event.id }}'}}",
        "{cloudevents: {type: t, source: s, mode: structured}, destination: {body: {a: '{{ event.a }}'}}}",
        "{cloudevents: {type: t, source: s, mode: binary}, destination: {body_template: x}}",
    ],
)
def test_what_records_are_goes_together_with_templates_and_filters(write: Write, said: str) -> None:
    loading.load(write(said), env())


def test_only_of_json_as_it_stands_do_members_say_how_it_is_sent(write: Write) -> None:
    def envelope(said: str) -> Envelope:
        return loading.load(write(said), env()).request_policy().envelope

    assert envelope("{}") is Envelope.RUDDERSTACK
    assert envelope("record: {unwrap: debezium}") is Envelope.NONE
    assert envelope(f"record: {{value: avro, schema_file: {HERE}}}") is Envelope.NONE
    assert (
        envelope("{record: {unwrap: connect}, destination: {envelope: rudderstack}}") is Envelope.RUDDERSTACK
    )


PLAIN = 'destination: {url: "https://h.example/hook"}'
BEGUN = "destination:\n  url: https://h.example/hook"


def refused(write: Write, text: str) -> dict[str, str]:
    """What is wrong with sections, by the places."""
    with pytest.raises(ConfigError) as raised:
        loading.load(write(FILE.replace(PLAIN, f"{BEGUN}\n{text}")), {})
    return {problem.path: problem.message for problem in raised.value.problems}


def test_every_template_is_compiled_and_all_that_is_wrong_is_told_with_its_place(write: Write) -> None:
    text = """
  path: /a/{{ evnt.id }}
  query: {q: "{{ event.id | nofilter }}"}
  headers: {X-A: "{{ event.id"}
  body: {id: "{{ event.id is notest }}"}
""".strip("\n")
    wrong = refused(write, text)
    assert wrong["destination.path"].startswith("names `evnt`")
    assert wrong["destination.query.q"] == "there is no filter `nofilter`"
    assert wrong["destination.headers.X-A"].startswith("line 1: ")
    assert wrong["destination.body.id"] == "there is no test `notest`"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("  body: {}\n  body_template: x", "two bodies"),
        ("  body: {}\n  method: GET", "which GET does not have"),
        ("  body_template: x\n  encoding: form", "encoding"),
        ("  body_template: x\n  headers: {content-type: '{{ record.key }}'}", "tells too late"),
        ("  body_template: x\n  method: GET", "which GET does not have"),
        ("  method: DELETE\n  encoding: form", "encoding"),
    ],
)
def test_bodies_that_cannot_be_together_are_refused(write: Write, text: str, says: str) -> None:
    assert says in refused(write, text)["settings"]


def test_a_header_from_a_variable_is_no_template_whatever_it_resembles(write: Write) -> None:
    said = FILE.replace(PLAIN, BEGUN + '\n  headers: {X-A: {from_env: A}, X-B: "{{ event.b }}"}')
    policy = loading.load(write(said), {"A": "{{ event.a }}"}).request_policy()
    assert policy.headers == (("X-A", "{{ event.a }}"),)
    assert policy.templates == TemplatePolicy(headers=(("X-B", "{{ event.b }}"),))


def test_what_is_hardly_meant_is_told(write: Write) -> None:
    said = FILE.replace(PLAIN, BEGUN + '\n  body: {n: 5, t: [true], s: "5x"}')
    said += "filter: {when: event.a.b > 5 and event.c | float > 1}\n"
    settings = loading.load(write(said), {})
    assert [text.partition(":")[0] for text in settings.meanings()] == [
        "destination.body.n",
        "destination.body.t[0]",
    ]
    assert [text for text in settings.warnings() if "`event.a.b > 5` is true for any text" in text]
    assert len(settings.warnings()) == 1


@pytest.mark.parametrize(
    ("events", "allowed", "denied"),
    [("[A, B]", ("A", "B"), ()), ("{deny: [A]}", None, ("A",)), ("{allow: A}", ("A",), ())],
)
def test_events_are_allowed_or_denied(write: Write, events: str, allowed: Any, denied: Any) -> None:
    policy = loading.load(write(f"{FILE}filter: {{events: {events}}}\n"), {}).filter_policy()
    assert (policy.allowed_events, policy.denied_events) == (allowed, denied)


@pytest.mark.parametrize(
    "text",
    ["events: {some: [A]}", "consent: {providers: {custom: {ids: [A], strategy: nor}}}", "when: '{{ a }}'"],
)
def test_filters_of_another_form_are_refused(write: Write, text: str) -> None:
    with pytest.raises(ConfigError):
        loading.load(write(f"{FILE}filter: {{{text}}}\n"), {})


def test_how_values_are_decoded_arrives_where_they_are(write: Write) -> None:
    def decoded(said: str) -> SchemaFilePolicy | None:
        return loading.load(write(said), env()).schema_file_policy()

    assert decoded("{}") is None
    plain = f"record: {{value: avro, schema_file: {HERE}}}"
    assert decoded(plain) == SchemaFilePolicy("avro", str(HERE))
    assert decoded(
        f"record: {{value: avro, schema_file: {HERE}, decimals: number, times: number, unions: tagged}}"
    ) == SchemaFilePolicy("avro", str(HERE), None, FormatPolicy(AvroPolicy(True, True, True)))
    assert decoded(
        f"record: {{value: protobuf, schema_file: {HERE}, message: a.B, protobuf_names: proto, "
        "protobuf_defaults: true}"
    ) == SchemaFilePolicy("protobuf", str(HERE), "a.B", FormatPolicy(protobuf=ProtobufPolicy(True, True)))


def test_avro_may_be_sent_as_a_query(write: Write) -> None:
    said = f"{{destination: {{method: GET}}, record: {{value: avro, schema_file: {HERE}}}}}"
    assert loading.load(write(said), env()).request_policy().method is Method.GET
