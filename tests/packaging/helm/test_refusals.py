"""What cannot work is refused before anything is installed, all of it at once, each with its remedy."""

import re
from collections.abc import Mapping
from typing import Any

import helm_python
import pytest
from pydantic import SecretStr

from processor.config import loading
from processor.core import credentials
from tests.packaging.helm.rendering import CHART, cases, layered, rendered, texts
from tests.packaging.helm.test_rendering import at

MINIMAL = cases()["minimal"]
SASL = {"security_protocol": "sasl_ssl", "sasl_mechanism": "PLAIN", "sasl_username": "u"}
CRM = "destinations.crm."


def problems(values: Mapping[str, Any]) -> list[str]:
    """What is said to be wrong."""
    with pytest.raises(helm_python.HelmError) as caught:
        rendered(values)
    said = str(caught.value)
    assert "The values cannot be used" in said, said
    return re.findall(r"^- (.*)$", said, re.MULTILINE)


REFUSED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "hpa and keda": (
        {"hpa": {"enabled": True}, "keda": {"enabled": True}},
        "hpa and keda are both enabled",
    ),
    "more at least than at most": ({"hpa": {"minReplicas": 99}}, "hpa.minReplicas is above"),
    "both monitors": (
        {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}},
        "scraped twice",
    ),
    "a monitor without a Service": (
        {"serviceMonitor": {"enabled": True}, "service": {"enabled": False}},
        "needs the Service",
    ),
    "a registry whose port the policy cannot see": (
        {
            "config": {"record": {"value": "registry"}},
            "secrets": {"schemaRegistry": {"existingSecret": "s", "urlKey": "url"}},
        },
        "networkPolicy cannot see the schema registry's port in the environment; name it in",
    ),
    "a proxy whose port the policy cannot see": (
        {"secrets": {"env": {"WEBHOOK_PROCESSOR__DESTINATION__PROXY__URL": {"secret": "s", "key": "k"}}}},
        "networkPolicy cannot see the proxy's port in the environment; name it in",
    ),
    "a proxy of the environment whose port the policy cannot see": (
        {"config": {"destination": {"proxy": {"from_environment": True}}}},
        "the port of the environment's proxy; name it in",
    ),
    "a token endpoint whose port the policy cannot see": (
        {"config": {"destination": {"auth": {"type": "oauth2", "client_auth": "mtls"}}}},
        "networkPolicy cannot see the token endpoint's port in the environment; name it in",
    ),
    "a client without its secret": (
        {
            "config": {"destination": {"auth": {"type": "oauth2", "token_url": "https://idp.example/token"}}},
            "secrets": {"destinationAuth": {"existingSecret": "s", "clientIdKey": "id"}},
        },
        "needs client_secret; name its Secret in secrets.destinationAuth.existingSecret and clientSecretKey",
    ),
    "a bearer without a token": (
        {"config": {"destination": {"auth": {"type": "bearer"}}}},
        "needs token; name its Secret in secrets.destinationAuth.existingSecret and tokenKey",
    ),
    "a Secret of which nothing is used": (
        {"secrets": {"destinationAuth": {"existingSecret": "s"}}},
        "secrets.destinationAuth.existingSecret names a Secret, and nothing of it is used; name its keys",
    ),
    "a registry's Secret of which nothing is used": (
        {"secrets": {"schemaRegistry": {"existingSecret": "s"}}},
        "secrets.schemaRegistry.existingSecret names a Secret, and nothing of it is used; name its keys",
    ),
    "a grace period as long as a stop": ({"terminationGracePeriodSeconds": 61}, "61 is too short"),
    "a grace period that a longer drain outgrows": (
        {"terminationGracePeriodSeconds": 70, "config": {"delivery": {"drain_timeout": 34}}},
        "a stop may take 70 s",
    ),
    "a drain that the group does not wait for": (
        {"config": {"delivery": {"drain_timeout": 271}}},
        "nine tenths of config.kafka.max_poll_interval",
    ),
    "commits that come too late": (
        {"config": {"delivery": {"commit_interval": 15.5}}},
        "a third of config.kafka.session_timeout",
    ),
    "dead letters that are read again": (
        {"config": {"dead_letter": {"topic": "events"}}},
        "every dead letter would be read again",
    ),
    "reports that are read as events": (
        {"config": {"reports": {"topic": "events"}}},
        "every report would be read as an event",
    ),
    "fewest above most": (
        {"config": {"delivery": {"min_in_flight": 65}}},
        "must not be above config.delivery.max_in_flight",
    ),
    "a rollout that cannot begin": (
        {"strategy": {"rollingUpdate": {"maxSurge": "0%"}}},
        "no pod could ever be replaced",
    ),
    "a budget without a number": (
        {"podDisruptionBudget": {"maxUnavailable": None}},
        "needs maxUnavailable or minAvailable",
    ),
    "one name for all members": (
        {"config": {"kafka": {"group_instance_id": "x"}}},
        "the same in all pods",
    ),
    "a login without a mechanism": (
        {"config": {"kafka": {"security_protocol": "sasl_ssl"}}},
        "needs config.kafka.sasl_mechanism",
    ),
    "a login without a password": (
        {"config": {"kafka": SASL}},
        "needs sasl_password; name its Secret in secrets.kafkaSasl.existingSecret",
    ),
    "a login that the protocol leaves out": (
        {"config": {"kafka": {"sasl_mechanism": "OAUTHBEARER"}}},
        "config.kafka.sasl_mechanism is not used with config.kafka.security_protocol plaintext; set that to",
    ),
    "certificates that the protocol leaves out": (
        {"secrets": {"kafkaTls": {"existingSecret": "s"}}},
        "not used with config.kafka.security_protocol plaintext; set that to ssl, or sasl_ssl",
    ),
    "a password out of nowhere": (
        {"config": {"destination": {"tls": {"key_password": {"from_env": "CRM_KEY"}}}}},
        "config.destination.tls.key_password reads the environment variable CRM_KEY, which nothing sets",
    ),
    "an option out of no file": (
        {
            "config": {
                "kafka": {"client": {"ssl.key.pem": {"from_file": "/etc/webhook-processor/secrets/files/k"}}}
            }
        },
        "add secrets.files.k",
    ),
    "a certificate without a key": (
        {
            "secrets": {"kafkaTls": {"existingSecret": "s", "certificateKey": "tls.crt"}},
            "config": {"kafka": {"security_protocol": "ssl"}},
        },
        "needs both certificateKey and keyKey",
    ),
    "the password of no key": (
        {"secrets": {"destinationTls": {"existingSecret": "s", "keyPasswordKey": "p"}}},
        "is the password of no key",
    ),
    "a header out of nowhere": (
        {"config": {"destination": {"headers": {"X-Token": {"from_env": "CRM_TOKEN"}}}}},
        "add secrets.env.CRM_TOKEN",
    ),
    "a header out of no file": (
        {
            "config": {
                "destination": {
                    "headers": {"X-Token": {"from_file": "/etc/webhook-processor/secrets/files/crm"}}
                }
            }
        },
        "add secrets.files.crm",
    ),
    "a header twice": (
        {"config": {"destination": {"headers": {"Authorization": {"from_file": "/x"}}}}},
        "secrets.headers.Authorization also stands in",
    ),
    "a variable twice": (
        {"extraEnv": [{"name": "WEBHOOK_PROCESSOR_CONFIG", "value": "/x"}]},
        "WEBHOOK_PROCESSOR_CONFIG is set twice",
    ),
    "a volume of the chart's": (
        {"extraVolumes": [{"name": "config", "emptyDir": {}}]},
        "choose another name",
    ),
    "a mount over the chart's": (
        {"extraVolumeMounts": [{"name": "x", "mountPath": "/etc/webhook-processor/secrets/"}]},
        "mount elsewhere",
    ),
    "an expression for keda": (
        {"keda": {"enabled": True}, "config": {"kafka": {"topics": ["^a"]}}},
        "name the topics in keda.topics",
    ),
    "a login that keda cannot make": (
        {
            "keda": {"enabled": True},
            "config": {"kafka": {"sasl_mechanism": "OAUTHBEARER", "security_protocol": "sasl_ssl"}},
        },
        "name a TriggerAuthentication in keda.authenticationRef",
    ),
    "a login that keda does not see": (
        {
            "keda": {"enabled": True},
            "extraEnvFrom": [{"secretRef": {"name": "s"}}],
            "config": {"kafka": SASL},
        },
        "name it in secrets.kafkaSasl.existingSecret",
    ),
    "certificates that keda does not see": (
        {
            "keda": {"enabled": True},
            "config": {"kafka": {"ssl_ca_file": "/ca.crt", "security_protocol": "ssl"}},
        },
        "name it in secrets.kafkaTls.existingSecret",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused(name: str) -> None:
    values, message = REFUSED[name]
    (said,) = problems(layered(MINIMAL, {"destinations": {"crm": values}}))
    assert said.startswith(CRM.rstrip(".") + ": ")
    assert message in said


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_the_defaults_too(name: str) -> None:
    values, message = REFUSED[name]
    (said,) = problems(layered(MINIMAL, {"defaults": values}))
    assert message in said


def test_a_chart_without_destinations_is_refused() -> None:
    (said,) = problems({})
    assert "destinations: there is none" in said


def test_a_release_whose_name_a_service_cannot_have_is_refused() -> None:
    with pytest.raises(helm_python.HelmError, match="fullnameOverride: set it"):
        rendered(MINIMAL, release="1st")
    rendered(MINIMAL | {"fullnameOverride": "first"}, release="1st")


def test_everything_is_said_at_once() -> None:
    values = {"destinations": {"a": {}, "b": {"terminationGracePeriodSeconds": 1}}}
    said = problems(values)
    for name in ("a", "b"):
        for setting in required():
            assert f"destinations.{name}: config.{setting} is missing; set it here or in defaults" in said
    assert len([each for each in said if "too short" in each]) == 1


def required() -> list[str]:
    """What the application cannot do without, and the chart does not make up."""
    names = [name for name, field in loading.fields() if field.is_required()]
    return [name for name in names if name != "kafka.group_id"]


@pytest.mark.parametrize("setting", required())
@pytest.mark.parametrize("suffix", ["", "_FILE"])
def test_what_is_required_may_come_from_the_environment(setting: str, suffix: str) -> None:
    section, _, name = setting.partition(".")
    values = layered(
        MINIMAL,
        {"defaults": {"networkPolicy": {"kafkaPorts": [1], "endpointPorts": [2]}}},
        at(f"{CRM}secrets.env.{loading.variable(setting)}{suffix}", {"secret": "s", "key": "k"}),
    )
    for place in (values["defaults"], values["destinations"]["crm"]):
        place["config"].get(section, {}).pop(name, None)
    rendered(values)
    del values["destinations"]["crm"]["secrets"]["env"]
    assert f"destinations.crm: config.{setting} is missing; set it here or in defaults" in problems(values)


@pytest.mark.parametrize(
    ("value", "setting"), [("registry", "schema_registry.url"), ("avro", "record.schema_file")]
)
def test_what_a_format_needs_is_told_by_its_name_and_may_come_from_the_environment(
    value: str, setting: str
) -> None:
    values = layered(MINIMAL, at(f"{CRM}config.record.value", value))
    assert problems(values) == [f"destinations.crm: config.{setting} is missing; set it here or in defaults"]
    said = at(f"{CRM}secrets.env.{loading.variable(setting)}", {"secret": "s", "key": "k"})
    rendered(layered(values, said, at(f"{CRM}networkPolicy.registryPorts", [443])))


@pytest.mark.parametrize("what", ["kafka.bootstrap_servers", "destination.url"])
def test_a_port_that_the_policy_cannot_see_has_to_be_named(what: str) -> None:
    values = layered(
        MINIMAL,
        at(f"{CRM}config.{what}", None if "url" in what else ""),
        at(f"{CRM}secrets.env.{loading.variable(what)}", {"secret": "s", "key": "k"}),
    )
    section, _, name = what.partition(".")
    for place in (values["defaults"], values["destinations"]["crm"]):
        place["config"].get(section, {}).pop(name, None)
    (said,) = problems(values)
    assert "networkPolicy cannot see" in said


def test_two_destinations_that_would_share_the_events_are_refused() -> None:
    values = layered(
        MINIMAL,
        {"destinations": {"erp": MINIMAL["destinations"]["crm"]}},
        at("defaults.config.kafka.group_id", "webhooks"),
    )
    (said,) = problems(values)
    assert said.startswith("destinations.erp: shares the group webhooks")
    assert "with crm" in said


def secret_settings() -> list[str]:
    """Settings whose value the application keeps to itself, but for names that may stand elsewhere."""
    names = {f"destination.auth.{name}" for name in ("username", "client_id", "access_key_id")}
    kept = [name for name, field in loading.fields() if field.annotation == SecretStr | None]
    return [name for name in kept if name not in names]


@pytest.mark.parametrize("setting", secret_settings())
@pytest.mark.parametrize("where", ["defaults", "destinations.crm"])
def test_a_secret_in_values_is_refused_and_not_repeated(setting: str, where: str) -> None:
    (said,) = problems(layered(MINIMAL, at(f"{where}.config.{setting}", "hunter2-hunter2")))
    assert f"config.{setting} is a secret and would stand in a ConfigMap" in said
    assert re.search(r"name that in secrets\.[a-zA-Z]+\.existingSecret", said)
    assert "hunter2" not in said


@pytest.mark.parametrize("setting", secret_settings())
def test_a_secret_in_the_deployment_is_refused_and_not_repeated(setting: str) -> None:
    variable = {"name": loading.variable(setting), "value": "hunter2-hunter2"}
    (said,) = problems(layered(MINIMAL, at(f"{CRM}extraEnv", [variable])))
    assert f"{loading.variable(setting)} is a secret and would stand in the Deployment" in said
    assert "hunter2" not in said


def test_there_are_secret_settings() -> None:
    assert {"kafka.sasl_password", "kafka.ssl_key_password", "destination.tls.key_password"} <= set(
        secret_settings()
    )


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Authorization", "hunter2"),
        ("authorization", "hunter2"),
        ("Proxy-Authorization", "hunter2"),
        ("X-Api-Key", "hunter2"),
        ("X-Auth-Token", "hunter2"),
        ("X-Auth", "hunter2"),
        ("X-Functions-Key", "hunter2"),
        ("X-Session-Id", "hunter2"),
        ("X-Signature", "hunter2"),
        ("Cookie", "hunter2"),
        ("X-Whatever", "Bearer hunter2"),
        ("X-Whatever", "basic hunter2"),
    ],
)
def test_a_header_that_looks_secret_is_refused_and_not_repeated(header: str, value: str) -> None:
    values = layered(MINIMAL, at(f"{CRM}config.destination.headers", {header: value}))
    values["destinations"]["crm"]["secrets"]["headers"] = {}
    (said,) = problems(values)
    assert f"config.destination.headers.{header} is a secret" in said
    assert f"secrets.headers.{header}: {{secret: …, key: …}}" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("section", ["kafka", "dead_letter"])
@pytest.mark.parametrize(
    "option",
    [
        "ssl.keystore.password",
        "ssl.key.pem",
        "sasl.oauthbearer.client.secret",
        "sasl.jaas.config",
        "sasl.oauthbearer.assertion.private.key.passphrase",
    ],
)
def test_a_secret_option_of_the_client_is_refused_and_not_repeated(section: str, option: str) -> None:
    (said,) = problems(layered(MINIMAL, at(f"{CRM}config.{section}.client", {option: "hunter2"})))
    assert option in said
    assert f"secrets.env.WEBHOOK_PROCESSOR__{section.upper()}__CLIENT" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("option", ["client.rack", "sasl.oauthbearer.token.endpoint.url", "ssl.key.location"])
def test_an_option_that_is_no_secret_is_not_refused(option: str) -> None:
    rendered(layered(MINIMAL, at(f"{CRM}config.kafka.client", {option: "x"})))


@pytest.mark.parametrize("header", ["X-Author", "X-Keyboard", "X-Source"])
def test_a_plain_header_is_not_refused(header: str) -> None:
    rendered(layered(MINIMAL, at(f"{CRM}config.destination.headers", {header: "events"})))


def test_a_header_that_is_marked_is_refused_and_not_repeated() -> None:
    said = {"headers": {"X-Mine": "hunter2"}, "secret_headers": ["x-mine"]}
    (problem,) = problems(layered(MINIMAL, at(f"{CRM}config.destination", said)))
    assert "config.destination.headers.X-Mine is a secret" in problem
    assert "hunter2" not in problem


SIGNING = "config.destination.signature.secrets"


@pytest.mark.parametrize("said", ["hunter2", ["hunter2"], [{"from_file": "/x"}, "hunter2"]])
def test_what_signs_is_refused_in_clear_and_not_repeated(said: object) -> None:
    (problem,) = problems(layered(MINIMAL, at(f"{CRM}{SIGNING}", said)))
    assert f"{SIGNING} holds a secret and would stand in a ConfigMap" in problem
    assert "hunter2" not in problem


def test_what_signs_is_mounted_as_a_whole_folder_so_that_it_changes() -> None:
    names = ("new", "old")
    files = [{"from_file": f"/etc/webhook-processor/secrets/files/{name}"} for name in names]
    values = layered(MINIMAL, at(f"{CRM}{SIGNING}", files))
    assert [f"add secrets.files.{name}" in told for name, told in zip(names, problems(values), strict=True)]
    mounted = {name: {"secret": "signing", "key": name} for name in names}
    objects = rendered(layered(values, at(f"{CRM}secrets.files", mounted)))
    (pod,) = (each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment")
    assert not [mount for mount in pod["containers"][0]["volumeMounts"] if "subPath" in mount]


SECRET_URLS = (
    "https://hooks.slack.com/services/T0/B0/hunter",
    "https://tenant.webhook.office.com/webhookb2/hunter",
    "https://discord.com/api/webhooks/1/hunter",
    "https://h.example/hook?token=hunter2",
    "https://h.example/3fa85f64-5717-4562-b3fc-2c963f66afa6/hunter",
    "https://h.example/hunter/Zx81kq0Pq7Yw22LmN3tR",
)
PLAIN_URLS = (
    "https://crm.example.com/hooks/rudderstack",
    "https://h1234567890123456789012.example/x",
    "https://h.example/internationalization/v2?version=2",
    "https://h.example/discord.com/",
)


@pytest.mark.parametrize("url", SECRET_URLS)
def test_a_secret_url_is_refused_wherever_it_would_stand_and_not_repeated(url: str) -> None:
    variable = {"name": "WEBHOOK_PROCESSOR__DESTINATION__URL", "value": url}
    for values in (at(f"{CRM}config.destination.url", url), at(f"{CRM}extraEnv", [variable])):
        (said,) = problems(layered(MINIMAL, values))
        assert "is a secret and would stand in " in said
        assert "name that in secrets.env.WEBHOOK_PROCESSOR__DESTINATION__URL" in said
        assert "hunter" not in said
        rendered(layered(MINIMAL, values, at(f"{CRM}config.destination.url_is_secret", False)))


@pytest.mark.parametrize("url", PLAIN_URLS)
def test_a_plain_url_is_not_refused_unless_it_is_said_to_be_secret(url: str) -> None:
    values = layered(MINIMAL, at(f"{CRM}config.destination.url", url))
    rendered(values)
    (said,) = problems(layered(values, at(f"{CRM}config.destination.url_is_secret", True)))
    assert "config.destination.url is a secret" in said


@pytest.mark.parametrize("url", [*SECRET_URLS, *PLAIN_URLS])
def test_what_the_application_takes_for_a_secret_url_the_chart_does_too(url: str) -> None:
    assert credentials.is_secret_url(url) is (url in SECRET_URLS)


def test_the_chart_judges_by_the_patterns_of_the_application() -> None:
    checks = (CHART / "templates" / "_checks.tpl").read_text(encoding="utf-8")
    for pattern in (
        *(credentials.HEADER_NAMES, credentials.HEADER_VALUES, credentials.OPTION_NAMES),
        *(credentials.URL_HOSTS, credentials.URL_PARAMETERS, credentials.URL_UUID, credentials.LONG_RUN),
    ):
        assert f"`{pattern}`" in checks


@pytest.mark.parametrize(
    ("variable", "value", "remedy"),
    [
        ("DESTINATION__HEADERS", '{"X-Auth": "hunter2", "X-Ok": "a"}', "secrets.headers.X-Auth"),
        ("KAFKA__CLIENT", '{"ssl.key.pem": "hunter2"}', "secrets.env.WEBHOOK_PROCESSOR__KAFKA__CLIENT"),
        (
            "DESTINATION__SIGNATURE__SECRETS",
            "hunter2",
            "secrets.env.WEBHOOK_PROCESSOR__DESTINATION__SIGNATURE__SECRETS",
        ),
        ("DEAD_LETTER__CLIENT", "ssl.keystore.password: hunter2", "WEBHOOK_PROCESSOR__DEAD_LETTER__CLIENT"),
    ],
)
def test_a_secret_inside_of_a_variable_is_refused_and_not_repeated(
    variable: str, value: str, remedy: str
) -> None:
    said = {"name": f"WEBHOOK_PROCESSOR__{variable}", "value": value}
    (problem,) = problems(layered(MINIMAL, at(f"{CRM}extraEnv", [said])))
    assert "would stand in the Deployment" in problem
    assert remedy in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize("setting", [*secret_settings(), "destination.url"])
def test_what_refers_to_a_secret_is_none(setting: str) -> None:
    tls = {"security_protocol": "sasl_ssl", "sasl_mechanism": "PLAIN", "sasl_username": "u"}
    rendered(
        layered(
            MINIMAL,
            at(f"{CRM}config.kafka", tls | {"sasl_password": {"from_file": "/x"}}),
            at(f"{CRM}config.{setting}", {"from_file": "/x"}),
            at(f"{CRM}networkPolicy.endpointPorts", [443]),
        )
    )


def test_the_notes_tell_no_url_that_comes_from_elsewhere() -> None:
    values = layered(
        MINIMAL,
        at(f"{CRM}config.destination.url", {"from_file": "/x"}),
        at(f"{CRM}networkPolicy.endpointPorts", [443]),
    )
    assert "to its endpoint" in texts(values)["NOTES.txt"]


def test_what_the_application_takes_for_a_secret_option_the_chart_does_too() -> None:
    for word in credentials.OPTION_NAMES.split("|"):
        problems(layered(MINIMAL, at(f"{CRM}config.kafka.client", {f"a.{word}": "x"})))


@pytest.mark.parametrize("where", ["disabled", "overrides"])
def test_an_alert_that_does_not_exist_is_refused(where: str) -> None:
    said = {"disabled": ["NoSuchAlert"], "overrides": {"NoSuchAlert": {"for": "1m"}}}[where]
    (problem,) = problems(layered(MINIMAL, at(f"prometheusRule.{where}", said)))
    assert "there is no alert NoSuchAlert" in problem
