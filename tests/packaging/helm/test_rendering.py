"""Helm accepts the chart, Kubernetes and its operators what it renders, and every value arrives."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.config import loading
from processor.core.request.address import _METADATA
from processor.errors import ConfigError
from tests.packaging.helm import crds
from tests.packaging.helm.rendering import CHART, Object, cases, layered, of_kind, rendered, texts, the

CASES = cases()
MINIMAL = CASES["minimal"]
VERSIONS = ["1.25", "1.28", "1.31", "1.34", "1.37"]


def at(path: str, value: Any) -> dict[str, Any]:
    """Values with this at a dotted path; a digit is the place in a list."""
    for name in reversed(path.split(".")):
        value = {name.replace("·", "."): value}
    return dict(value)


def found(each: Any, path: str) -> Any:
    """What stands at a dotted path of an object."""
    for name in path.split("."):
        each = each[int(name)] if isinstance(each, list) else each.get(name.replace("·", "."))
    return each


@pytest.mark.parametrize("name", CASES)
def test_helm_lint_finds_nothing(name: str) -> None:
    said = helm_python.lint(str(CHART), CASES[name], strict=True)
    assert (said["messages"], said["errors"]) == ([], [])


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_every_kind_of_object(version: str) -> None:
    judged = judged_by_kubernetes("everything", version)
    assert judged >= {"Deployment", "Job", "NetworkPolicy", "HorizontalPodAutoscaler", "PodDisruptionBudget"}


@pytest.mark.parametrize("name", CASES)
def test_kubernetes_accepts_every_case(name: str) -> None:
    assert "Deployment" in judged_by_kubernetes(name, VERSIONS[-1])


def judged_by_kubernetes(name: str, version: str) -> set[str]:
    """The kinds that were judged; ValidationError for what is refused."""
    objects = [each for each in rendered(CASES[name]) if each["apiVersion"].split("/")[0] not in crds.GROUPS]
    for each in objects:
        kubernetes_validate.validate(each, version, strict=True)
    return {each["kind"] for each in objects}


def test_kubernetes_would_refuse_an_unknown_field() -> None:
    deployment = the(rendered(MINIMAL), "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["path"] = "/"
    with pytest.raises(kubernetes_validate.ValidationError, match="path"):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)


def test_operators_accept_every_object(custom_resources: crds.Judges) -> None:
    objects = [each for name in ("everything", "keda") for each in rendered(CASES[name])]
    theirs = [each for each in objects if each["apiVersion"].partition("/")[0] in crds.GROUPS]
    assert {each["kind"] for each in theirs} == set(crds.KINDS)
    assert [fault for each in theirs for fault in custom_resources.faults(each)] == []


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ScaledObject", "spec.triggers.0.metadata.lagThreshold", 500),
        ("ScaledObject", "spec.cooldownPeriods", 5),
        ("TriggerAuthentication", "spec.secretTargetRef.0.secret", "x"),
        ("ServiceMonitor", "spec.endpoints.0.ports", "admin"),
        ("PodMonitor", "spec.podMetricsEndpoints.0.interval", "often"),
        ("PrometheusRule", "spec.groups", [{"name": "x", "rules": [{"alert": "x", "exprs": "1"}]}]),
    ],
)
def test_operators_would_refuse_what_is_wrong(
    kind: str, path: str, value: Any, custom_resources: crds.Judges
) -> None:
    each = copy.deepcopy(of_kind(rendered(CASES["everything"]), kind)[0])
    above, _, last = path.rpartition(".")
    found(each, above)[last] = value
    assert custom_resources.faults(each)


MANY: Mapping[str, tuple[str, Any, str, str, Any]] = {
    # what is said: for the destination, its value; where it arrives: kind, place, what
    "replicas": ("replicas", 5, "Deployment", "spec.replicas", 5),
    "no replicas": ("replicas", 0, "Deployment", "spec.replicas", 0),
    "workers": (
        "workers",
        3,
        "Deployment",
        "spec.template.spec.containers.0.args",
        ["run", "--workers", "3"],
    ),
    "workers' memory": (
        "workers",
        3,
        "Deployment",
        "spec.template.spec.containers.0.resources.limits",
        {"cpu": "3", "memory": "1536Mi"},
    ),
    "memory follows what may wait": (
        "config.delivery.max_waiting_bytes",
        1048576,
        "Deployment",
        "spec.template.spec.containers.0.resources.limits.memory",
        "260Mi",
    ),
    "resources": (
        "resources",
        {"limits": {"cpu": 2}},
        "Deployment",
        "spec.template.spec.containers.0.resources",
        {"limits": {"cpu": 2}},
    ),
    "tag": (
        "image.tag",
        "1.2.3",
        "Deployment",
        "spec.template.spec.containers.0.image",
        "registry.example.com/kafka-webhook-processor:1.2.3",
    ),
    "digest": (
        "image",
        {"tag": "1", "digest": "sha256:" + "a" * 64},
        "Deployment",
        "spec.template.spec.containers.0.image",
        "registry.example.com/kafka-webhook-processor@sha256:" + "a" * 64,
    ),
    "pull policy": (
        "image.pullPolicy",
        "Never",
        "Deployment",
        "spec.template.spec.containers.0.imagePullPolicy",
        "Never",
    ),
    "pull secrets": (
        "imagePullSecrets",
        [{"name": "r"}],
        "Deployment",
        "spec.template.spec.imagePullSecrets",
        [{"name": "r"}],
    ),
    "grace": (
        "terminationGracePeriodSeconds",
        62,
        "Deployment",
        "spec.template.spec.terminationGracePeriodSeconds",
        62,
    ),
    "recreate": ("strategy.type", "Recreate", "Deployment", "spec.strategy", {"type": "Recreate"}),
    "surge": (
        "strategy.rollingUpdate.maxSurge",
        1,
        "Deployment",
        "spec.strategy.rollingUpdate",
        {"maxSurge": 1, "maxUnavailable": 0},
    ),
    "min ready": ("minReadySeconds", 9, "Deployment", "spec.minReadySeconds", 9),
    "history": ("revisionHistoryLimit", 0, "Deployment", "spec.revisionHistoryLimit", 0),
    "probe": (
        "probes.liveness.failureThreshold",
        9,
        "Deployment",
        "spec.template.spec.containers.0.livenessProbe.failureThreshold",
        9,
    ),
    "admin port": (
        "config.admin.port",
        9000,
        "Deployment",
        "spec.template.spec.containers.0.ports.0.containerPort",
        9000,
    ),
    "policy for the admin port": (
        "config.admin.port",
        9000,
        "NetworkPolicy",
        "spec.ingress.0.ports.0.port",
        9000,
    ),
    "service port": ("service.port", 80, "Service", "spec.ports.0.port", 80),
    "pod label": ("podLabels", {"a": "b"}, "Deployment", "spec.template.metadata.labels.a", "b"),
    "pod annotation": (
        "podAnnotations",
        {"a": "b"},
        "Deployment",
        "spec.template.metadata.annotations.a",
        "b",
    ),
    "annotation": ("deploymentAnnotations", {"a": "b"}, "Deployment", "metadata.annotations.a", "b"),
    "affinity": (
        "affinity",
        {"podAntiAffinity": {}},
        "Deployment",
        "spec.template.spec.affinity",
        {"podAntiAffinity": {}},
    ),
    "tolerations": (
        "tolerations",
        [{"operator": "Exists"}],
        "Deployment",
        "spec.template.spec.tolerations",
        [{"operator": "Exists"}],
    ),
    "node selector": (
        "nodeSelector",
        {"a": "b"},
        "Deployment",
        "spec.template.spec.nodeSelector",
        {"a": "b"},
    ),
    "priority": ("priorityClassName", "p", "Deployment", "spec.template.spec.priorityClassName", "p"),
    "no spreading": (
        "topologySpreadConstraints",
        [],
        "Deployment",
        "spec.template.spec.topologySpreadConstraints",
        None,
    ),
    "a uid": (
        "podSecurityContext.runAsUser",
        12345,
        "Deployment",
        "spec.template.spec.securityContext.runAsUser",
        12345,
    ),
    "variables": (
        "extraEnv",
        [{"name": "A", "value": "b"}],
        "Deployment",
        "spec.template.spec.containers.0.env.1",
        {"name": "A", "value": "b"},
    ),
    "variables from elsewhere": (
        "extraEnvFrom",
        [{"secretRef": {"name": "s"}}],
        "Deployment",
        "spec.template.spec.containers.0.envFrom",
        [{"secretRef": {"name": "s"}}],
    ),
    "init containers": (
        "initContainers",
        [{"name": "i", "image": "i"}],
        "Deployment",
        "spec.template.spec.initContainers",
        [{"name": "i", "image": "i"}],
    ),
    "budget": (
        "podDisruptionBudget",
        {"minAvailable": 1},
        "PodDisruptionBudget",
        "spec.minAvailable",
        1,
    ),
    "hpa": (
        "hpa",
        {"enabled": True, "cpuMillicores": 500},
        "HorizontalPodAutoscaler",
        "spec.metrics.0.resource.target",
        {"type": "AverageValue", "averageValue": "500m"},
    ),
    "keda": (
        "keda",
        {"enabled": True, "lagThreshold": "9"},
        "ScaledObject",
        "spec.triggers.0.metadata.lagThreshold",
        "9",
    ),
    "keda reads the group": (
        "keda.enabled",
        True,
        "ScaledObject",
        "spec.triggers.0.metadata.consumerGroup",
        "hooks-events-crm",
    ),
    "a login of one's own for keda": (
        "keda",
        {"enabled": True, "authenticationRef": {"name": "mine"}},
        "ScaledObject",
        "spec.triggers.0.authenticationRef.name",
        "mine",
    ),
    "service monitor": ("serviceMonitor.enabled", True, "ServiceMonitor", "spec.endpoints.0.port", "admin"),
    "pod monitor": ("podMonitor.enabled", True, "PodMonitor", "spec.jobLabel", "app.kubernetes.io/name"),
    "a token for Prometheus": (
        "",
        {
            "serviceMonitor": {"enabled": True},
            "secrets": {"adminToken": {"existingSecret": "admin"}},
        },
        "ServiceMonitor",
        "spec.endpoints.0.authorization.credentials",
        {"name": "admin", "key": "token"},
    ),
    "brokers' ports": (
        "config.kafka.bootstrap_servers",
        "a:9092,b,c:19092",
        "NetworkPolicy",
        "spec.egress.1.ports",
        [{"protocol": "TCP", "port": 9092}, {"protocol": "TCP", "port": 19092}],
    ),
    "the endpoint's port": (
        "config.destination.url",
        "http://[fd00::1]/a:1?b=c:2",
        "NetworkPolicy",
        "spec.egress.2.ports",
        [{"protocol": "TCP", "port": 80}],
    ),
    "the endpoint's odd port": (
        "config.destination.url",
        "HTTPS://a.example:8443",
        "NetworkPolicy",
        "spec.egress.2.ports",
        [{"protocol": "TCP", "port": 8443}],
    ),
    "the ports of hosts that events name": (
        "config.destination",
        {
            "url": "http://a.example:8080",
            "allowed_hosts": ["b.example", "https://c.example", "d.example:9", "https://e.example:10"],
        },
        "NetworkPolicy",
        "spec.egress.2.ports",
        [{"protocol": "TCP", "port": port} for port in (8080, 443, 9, 10)],
    ),
    "the port of who gives tokens for the endpoint": (
        "config.destination",
        {
            "url": "https://a.example",
            "auth": {"type": "oauth2", "token_url": "https://c.example:9443/token", "client_auth": "mtls"},
        },
        "NetworkPolicy",
        "spec.egress.3.ports",
        [{"protocol": "TCP", "port": 9443}],
    ),
    "the ports of schema registries and of who gives tokens": (
        "config",
        {
            "record": {"value": "registry"},
            "schema_registry": {
                "url": "http://a.example:8081/x, https://b.example",
                "oauth": {"token_url": "https://c.example:9443/token"},
            },
        },
        "NetworkPolicy",
        "spec.egress.3.ports",
        [{"protocol": "TCP", "port": port} for port in (8081, 443, 9443)],
    ),
}


PROXIED = {"destination": {"proxy": {"url": "http://proxy.example:3128"}}}


@pytest.mark.parametrize(
    ("more", "ports"),
    [
        ({}, [[3128]]),
        ({"config": {"destination": {"proxy": {"no_proxy": "a.example"}}}}, [[443], [3128]]),
        ({"networkPolicy": {"endpointPorts": [8443]}}, [[8443], [3128]]),
        ({"networkPolicy": {"proxyPorts": [8080]}}, [[8080]]),
    ],
)
def test_behind_a_proxy_only_that_and_its_exceptions_may_be_spoken_to(
    more: dict[str, Any], ports: list[list[int]]
) -> None:
    values = layered(MINIMAL, at("destinations.crm.config", PROXIED), at("destinations.crm", more))
    _, _, *rules = found(the(rendered(values), "NetworkPolicy"), "spec.egress")
    assert [[each["port"] for each in rule["ports"]] for rule in rules[: len(ports)]] == ports
    assert [[each["port"] for each in rule["ports"]] for rule in rules[len(ports) :]] == [[8080]]


@pytest.mark.parametrize(
    ("more", "port"),
    [
        ({}, 4318),
        ({"extraEnv": [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "https://otlp.example"}]}, 443),
        ({"extraEnv": [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel.svc:4320"}]}, 4320),
        ({"networkPolicy": {"tracingPorts": [4321]}}, 4321),
    ],
)
def test_with_spans_the_collector_may_be_spoken_to_and_a_stop_takes_longer(
    more: dict[str, Any], port: int
) -> None:
    traced = at("destinations.crm.config", {"tracing": {"exporter": "otlp_http"}})
    made = rendered(layered(MINIMAL, traced, at("destinations.crm", more)))
    rule = found(the(made, "NetworkPolicy"), "spec.egress")[3]
    assert [each["port"] for each in rule["ports"]] == [port]
    place = "spec.template.spec.terminationGracePeriodSeconds"
    assert found(the(made, "Deployment"), place) == found(the(rendered(MINIMAL), "Deployment"), place) + 3


def test_who_we_are_to_a_proxy_comes_out_of_secrets_as_files() -> None:
    crm, inner = of_kind(rendered(CASES["proxy"]), "Deployment")
    variables = [
        {each["name"] for each in found(pod, "spec.template.spec.containers.0.env")} for pod in (crm, inner)
    ]
    login = {f"WEBHOOK_PROCESSOR__DESTINATION__PROXY__{each}_FILE" for each in ("USERNAME", "PASSWORD")}
    assert login <= variables[0]
    assert variables[1] & login == {"WEBHOOK_PROCESSOR__DESTINATION__PROXY__PASSWORD_FILE"}
    paths = [
        {
            each["secret"]["items"][0]["path"]
            for each in found(pod, "spec.template.spec.volumes.1.projected.sources")
        }
        for pod in (crm, inner)
    ]
    assert paths == [{"proxy/username", "proxy/password", "proxy/ca.crt"}, {"proxy/password"}]


REGISTRY = {"record": {"value": "registry"}, "schema_registry": {"url": "https://registry.example"}}


@pytest.mark.parametrize("rule", ["brokers", "endpoint", "registry"])
def test_no_rule_leads_to_the_metadata_of_clouds(rule: str) -> None:
    values = layered(MINIMAL, at("destinations.crm.config", REGISTRY))
    egress = found(the(rendered(values), "NetworkPolicy"), "spec.egress")[
        ["", "brokers", "endpoint", "registry"].index(rule)
    ]
    blocks = [each["ipBlock"] for each in egress["to"] if "ipBlock" in each]
    assert [each["cidr"] for each in blocks] == ["0.0.0.0/0", "::/0"]
    assert {text for each in blocks for text in each["except"]} == {str(network) for network in _METADATA}


@pytest.mark.parametrize("name", MANY)
def test_every_value_arrives(name: str) -> None:
    path, value, kind, place, expected = MANY[name]
    values = layered(MINIMAL, at(f"destinations.crm.{path}".rstrip("."), value))
    assert found(the(rendered(values), kind), place) == expected


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("service.enabled", "Service"),
        ("podDisruptionBudget.enabled", "PodDisruptionBudget"),
        ("networkPolicy.enabled", "NetworkPolicy"),
        ("test.enabled", "Job"),
    ],
)
def test_what_is_on_can_be_switched_off(path: str, kind: str) -> None:
    assert of_kind(rendered(MINIMAL), kind)
    assert not of_kind(rendered(layered(MINIMAL, at(f"defaults.{path}", False))), kind)


def test_letters_are_sent_again_once_and_another_job_does_other_things_or_by_a_schedule() -> None:
    def job(**letters: Any) -> Object:
        values = layered(MINIMAL, at("destinations.crm.letters", {"enabled": True, **letters}))
        return the(of_role(rendered(values), "letters"), "CronJob" if "schedule" in letters else "Job")

    once, other, by_night = job(), job(args=["--rate", "20"]), job(schedule="0 3 * * *", backoffLimit=1)
    assert once["metadata"]["name"] != other["metadata"]["name"]
    assert job()["metadata"]["name"] == once["metadata"]["name"]
    assert found(other, "spec.template.spec.containers.0.args") == ["letters", "redeliver", "--rate", "20"]
    assert found(by_night, "spec.concurrencyPolicy") == "Forbid"
    assert found(by_night, "spec.jobTemplate.spec.backoffLimit") == 1
    deployment = the(rendered(MINIMAL), "Deployment")
    for place in ("env", "volumeMounts", "image", "securityContext", "resources"):
        inner = f"spec.template.spec.containers.0.{place}"
        assert found(once, inner) == found(by_night["spec"]["jobTemplate"], inner) == found(deployment, inner)


def of_role(objects: list[Object], role: str) -> list[Object]:
    """Those whose label says it."""
    return [
        each for each in objects if each["metadata"]["labels"].get("kafka-webhook-processor/role") == role
    ]


def test_without_values_of_its_own_little_is_rendered() -> None:
    kinds = sorted(each["kind"] for each in rendered(MINIMAL))
    assert kinds == [
        "ConfigMap",
        "Deployment",
        "Job",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    ]


def test_names_and_account_can_be_chosen() -> None:
    objects = rendered(
        layered(MINIMAL, {"fullnameOverride": "hooks", "serviceAccount": {"create": False, "name": "ours"}})
    )
    assert the(objects, "Deployment")["metadata"]["name"] == "hooks-crm"
    assert the(objects, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "ours"


NUMBERS = st.integers(-(2**40), 2**40) | st.floats(-1e6, 1e6).map(lambda number: round(number, 3))
TREES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text("ab<&'\"é: \n", max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
SECTIONS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


@settings(max_examples=40)
@given(below=SECTIONS, above=SECTIONS)
def test_a_destination_is_merged_over_the_defaults_as_the_application_merges(
    below: dict[str, Any], above: dict[str, Any]
) -> None:
    manifest = (
        '{{ include "kwp.merged" (dict "below" (fromJson %s) "above" (fromJson %s)) | fromJson | toYaml }}'
    )
    said = manifest % tuple(json.dumps(json.dumps(each, ensure_ascii=False)) for each in (below, above))
    text = texts(layered(MINIMAL, {"extraManifests": [said]}))["extra.yaml"]
    assert yaml.safe_load(text) == loading.merged(below, above)


TYPOS = [
    "replica",
    "default",
    "serviceAccount.named",
    "prometheusRule.override",
    "prometheusRule.overrides.X.labelz",
    "dashboard.label",
    "defaults.replica",
    "defaults.image.repo",
    "defaults.secrets.kafkaSasl.secret",
    "defaults.secrets.env.TOKEN.name",
    "defaults.config.kafka.bootstrap_server",
    "defaults.config.kafkas",
    "defaults.config.destination.tls.cafile",
    "defaults.resources.request",
    "defaults.affinity.nodeAffinities",
    "defaults.securityContext.readOnlyRootFileSystem",
    "defaults.podSecurityContext.runasuser",
    "defaults.strategy.rollingUpdate.maxsurge",
    "defaults.probes.liveness.path",
    "defaults.hpa.minimum",
    "defaults.hpa.behavior.scaledown",
    "defaults.keda.lagTreshold",
    "defaults.networkPolicy.kafkaPort",
    "destinations.crm.workerz",
    "destinations.crm.config.delivery.max_in_flihgt",
    "destinations.crm.config.destination.headers.X-A.from_envs",
    "destinations.crm.config.circuit.enable",
    "destinations.crm.config.retry.attempts",
    "destinations.crm.keda.fallback.replica",
    "destinations.crm.service.ports",
]


@pytest.mark.parametrize("path", TYPOS)
def test_a_typo_is_refused(path: str) -> None:
    with pytest.raises(helm_python.HelmError, match=path.rpartition(".")[2]):
        rendered(layered(MINIMAL, at(path, "x")))


WRONG: Mapping[str, Any] = {
    "defaults.replicas": -1,
    "defaults.workers": "auto",
    "defaults.config.kafka.topics": [],
    "defaults.config.kafka.security_protocol": "tls",
    "defaults.config.delivery.max_in_flight": 0,
    "defaults.config.delivery.order": "keys",
    "defaults.config.retry.retried_statuses": ["6xx"],
    "defaults.config.admin.port": 0,
    "defaults.image.digest": "latest",
    "defaults.tolerations": [{"efect": "NoSchedule"}],
    "defaults.extraEnv": [{"name": "A", "valueFrom": {"secretKey": {}}}],
    "defaults.extraVolumes": [{"name": "a", "emptydir": {}}],
    "defaults.keda.lagThreshold": "many",
    "defaults.podDisruptionBudget.maxUnavailable": "some",
    "destinations.Crm_1": {},
    "fullnameOverride": "-x",
}


@pytest.mark.parametrize("path", WRONG)
def test_a_value_of_the_wrong_kind_is_refused(path: str) -> None:
    with pytest.raises(helm_python.HelmError, match=path.rpartition(".")[2]):
        rendered(layered(MINIMAL, at(path, WRONG[path])))


AS_TEXT: Mapping[str, str] = {
    "kafka.topics": "events, orders",
    "destination.allowed_hosts": "a.example:8443",
    "destination.secret_headers": "X-N",
    "destination.method": "put",
    "destination.url_is_secret": "false",
    "dead_letter.always": "invalid_event, 422",
    "retry.retried_statuses": "429, 5XX",
    "delivery.drain_timeout": "40",
    "delivery.max_waiting_bytes": "134217728",
    "kafka.session_timeout": "30.5",
    "admin.port": "8081",
}


def test_settings_that_stand_as_text_mean_what_they_mean_in_the_settings_file(tmp_path: Path) -> None:
    config_of = [at(f"defaults.config.{path}", text) for path, text in AS_TEXT.items()]
    objects = rendered(layered(MINIMAL, *config_of, {"defaults": {"keda": {"enabled": True}}}))
    file = tmp_path / "settings.yaml"
    file.write_text(the(objects, "ConfigMap")["data"]["settings.yaml"], encoding="utf-8")
    said: Object = yaml.safe_load(file.read_text())
    said["destination"].pop("headers")
    file.write_text(yaml.safe_dump(said), encoding="utf-8")
    loaded = loading.load(file, {})
    assert loaded.kafka.topics == ["events", "orders"]
    assert loaded.destination.allowed_hosts == ["a.example:8443"]
    assert (loaded.destination.method, loaded.destination.url_is_secret) == ("PUT", False)
    assert loaded.dead_letter.always == ["invalid_event", "422"]
    assert (loaded.delivery.drain_timeout, loaded.kafka.session_timeout) == (40, 30.5)
    pod = the(objects, "Deployment")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 86
    assert pod["containers"][0]["ports"][0]["containerPort"] == 8081
    assert pod["containers"][0]["resources"]["limits"]["memory"] == "768Mi"
    triggers = the(objects, "ScaledObject")["spec"]["triggers"]
    assert [trigger["metadata"]["topic"] for trigger in triggers] == ["events", "orders"]


@pytest.mark.parametrize(
    "path", ["retry.max_attempts", "delivery.rate_limit", "circuit.max_outage", "dead_letter.budget"]
)
def test_no_limit_can_be_said(path: str, tmp_path: Path) -> None:
    values = layered(MINIMAL, at(f"defaults.config.{path}", "null"))
    file = tmp_path / "settings.yaml"
    file.write_text(the(rendered(values), "ConfigMap")["data"]["settings.yaml"], encoding="utf-8")
    said: Object = yaml.safe_load(file.read_text())
    said["destination"].pop("headers")
    file.write_text(yaml.safe_dump(said), encoding="utf-8")
    try:
        loaded = loading.load(file, {})
    except ConfigError as error:
        pytest.fail(str(error.problems))
    section, _, name = path.partition(".")
    assert getattr(getattr(loaded, section), name) is None


def test_who_we_are_to_the_endpoint_comes_out_of_secrets_as_files_that_change() -> None:
    values = layered(
        MINIMAL,
        at(
            "destinations.crm.secrets.destinationAuth", {"existingSecret": "crm", "clientSecretKey": "secret"}
        ),
        at("destinations.crm.secrets.destinationAuthTls", {"existingSecret": "idp"}),
        at("destinations.crm.config.destination.auth", {"type": "oauth2", "token_url": "https://c.example"}),
    )
    pod = found(the(rendered(values), "Deployment"), "spec.template.spec")
    said = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    folder = "/etc/webhook-processor/secrets"
    assert said["WEBHOOK_PROCESSOR__DESTINATION__AUTH__CLIENT_SECRET_FILE"] == f"{folder}/auth/client_secret"
    sources = found(pod, "volumes.1.projected.sources")
    paths = {each["secret"]["items"][0]["path"] for each in sources}
    assert {"auth/client_secret", "auth/ca.crt"} <= paths
    assert all("subPath" not in mount for mount in pod["containers"][0]["volumeMounts"])


def test_who_we_are_to_a_registry_comes_out_of_secrets_as_files() -> None:
    (crm,) = (
        each
        for each in of_kind(rendered(CASES["registry"]), "Deployment")
        if each["metadata"]["name"].endswith("-crm")
    )
    pod = found(crm, "spec.template.spec")
    said = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    folder = "/etc/webhook-processor/secrets/registry"
    section = "WEBHOOK_PROCESSOR__SCHEMA_REGISTRY__"
    assert said[f"{section}USERNAME_FILE"] == f"{folder}/username"
    assert said[f"{section}PASSWORD_FILE"] == f"{folder}/password"
    assert said[f"{section}TLS__KEY_PASSWORD_FILE"] == f"{folder}/key-password"
    sources = found(pod, "volumes.1.projected.sources")
    paths = {each["secret"]["items"][0]["path"] for each in sources}
    assert {f"registry/{name}" for name in ("username", "password", "ca.crt", "tls.crt", "tls.key")} <= paths
