"""What is rendered agrees with itself, and with the application that it starts."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from processor.config import loading
from tests.packaging.helm.consistency import faults
from tests.packaging.helm.container import AnySecret, laid_out
from tests.packaging.helm.rendering import CHART, Object, cases, layered, of_kind, rendered, the
from tests.support.stopping import longest_stop

CASES = cases()
MINIMAL = CASES["minimal"]
EVERYTHING = CASES["everything"]
LONGEST_RELEASE = "r" * 53
LONGEST_KEY = "k" * 62 + "y"


def with_destinations(*keys: str) -> dict[str, Any]:
    """The minimal values, with these destinations."""
    return MINIMAL | {"destinations": dict.fromkeys(keys, MINIMAL["destinations"]["crm"])}


@pytest.mark.parametrize("name", CASES)
def test_every_case_agrees_with_itself(name: str) -> None:
    assert faults(rendered(CASES[name])) == []


@pytest.mark.parametrize("release", ["a", "kafka-webhook-processor", "v1.2", LONGEST_RELEASE])
def test_names_stay_valid_and_apart_however_long_they_are(release: str) -> None:
    keys = [LONGEST_KEY, LONGEST_KEY[:-1] + "z", LONGEST_KEY[:40], "dashboard", "a", "a-test", "a-settings"]
    values = layered(EVERYTHING, with_destinations(*keys))
    del values["extraManifests"]
    assert faults(rendered(values, release=release)) == []


@pytest.mark.parametrize("name", CASES)
def test_the_application_accepts_what_it_is_given(name: str, tmp_path: Path) -> None:
    objects = rendered(CASES[name])
    for deployment in of_kind(objects, "Deployment"):
        urls = {(name, "url"): f"https://{name}.example.com" for name in ("audit", "cloud")}
        secrets = AnySecret(urls)
        container = laid_out(objects, deployment, tmp_path / deployment["metadata"]["name"], secrets)
        settings = loading.load(container.settings, container.env)
        assert settings.admin.port == _port(deployment)
        assert _grace(deployment) > longest_stop(settings.delivery.drain_timeout)
        assert settings.kafka.group_id.startswith("hooks-events-")


def test_secrets_reach_the_settings_that_they_are_for(tmp_path: Path) -> None:
    objects = rendered(CASES["sasl-tls"])
    container = laid_out(objects, the(objects, "Deployment"), tmp_path, AnySecret())
    settings = loading.load(container.settings, container.env)
    kafka, destination = settings.kafka, settings.destination
    assert kafka.sasl_username == "kafka-user/username"
    said = [kafka.sasl_password, kafka.ssl_key_password, destination.headers["Authorization"]]
    said.append(settings.admin.token)
    assert [each and each.get_secret_value() for each in said] == [
        "kafka-user/password",
        "kafka-tls/password",
        "crm/token",
        "webhooks-admin/token",
    ]
    files = [kafka.ssl_ca_file, kafka.ssl_certificate_file, kafka.ssl_key_file]
    files += [destination.tls.ca_file, destination.tls.certificate_file, destination.tls.key_file]
    assert [file and file.read_text() for file in files] == [
        f"{secret}/{key}" for secret in ("kafka-tls", "crm-tls") for key in ("ca.crt", "tls.crt", "tls.key")
    ]


@pytest.mark.parametrize("drain", [1, 25, 40.5, 200])
def test_the_grace_period_follows_the_drain_timeout(drain: float) -> None:
    values = layered(MINIMAL, {"defaults": {"config": {"delivery": {"drain_timeout": drain}}}})
    grace = _grace(the(rendered(values), "Deployment"))
    assert longest_stop(drain) + 10 <= grace < longest_stop(drain) + 11


def test_nothing_but_values_makes_a_selector_or_a_pod_change(tmp_path: Path) -> None:
    newer = tmp_path / "chart"
    for file in (each for each in CHART.rglob("*") if each.is_file()):
        copied = newer / file.relative_to(CHART)
        copied.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text(encoding="utf-8")
        copied.write_text(text.replace("\nversion: 0.1.0", "\nversion: 9.9.9"), encoding="utf-8")
    before, after = rendered(MINIMAL), rendered(MINIMAL, chart=newer)
    assert before != after
    assert the(before, "Deployment")["spec"] == the(after, "Deployment")["spec"]


def test_a_changed_setting_restarts_the_pods_of_its_destination_only() -> None:
    values = with_destinations("one", "two")
    changed = layered(values, {"destinations": {"one": {"config": {"delivery": {"max_in_flight": 9}}}}})
    before, after = (of_kind(rendered(each), "Deployment") for each in (values, changed))
    assert before[0]["spec"]["template"] != after[0]["spec"]["template"]
    assert before[0]["spec"]["selector"] == after[0]["spec"]["selector"]
    assert before[1] == after[1]


def _port(deployment: Object) -> int:
    port: int = deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"]
    return port


def _grace(deployment: Object) -> int:
    grace: int = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    return grace


def _pod(objects: list[Object]) -> Any:
    return of_kind(objects, "Deployment")[0]["spec"]["template"]


Plant = Callable[[list[Object]], object]

PLANTED: Mapping[str, tuple[str, Plant]] = {
    "a name twice": ("is there 2 times", lambda o: o.append(copy.deepcopy(o[0]))),
    "a long name": ("no name", lambda o: o[0]["metadata"].update(name="n" * 64)),
    "another namespace": ("namespace", lambda o: o[0]["metadata"].update(namespace="default")),
    "a selector that selects nothing": (
        "selects []",
        lambda o: of_kind(o, "Service")[0]["spec"]["selector"].update({"app.kubernetes.io/component": "x"}),
    ),
    "a selector that selects the test too": (
        "Job",
        lambda o: of_kind(o, "Service")[0]["spec"]["selector"].pop("kafka-webhook-processor/role"),
    ),
    "a selector by version": (
        "may change",
        lambda o: of_kind(o, "Deployment")[0]["spec"]["selector"]["matchLabels"].update(version="1"),
    ),
    "a probe of another port": (
        "Probe asks",
        lambda o: _pod(o)["spec"]["containers"][0]["livenessProbe"]["httpGet"].update(port="web"),
    ),
    "a Service of another port": (
        "is no port",
        lambda o: of_kind(o, "Service")[0]["spec"]["ports"][0].update(targetPort="web"),
    ),
    "a monitor of another port": (
        "no such port",
        lambda o: of_kind(o, "ServiceMonitor")[0]["spec"]["endpoints"][0].update(port="web"),
    ),
    "another job": (
        "another job",
        lambda o: of_kind(o, "ServiceMonitor")[0]["spec"].update(jobLabel="app.kubernetes.io/instance"),
    ),
    "a mount without a volume": ("differ", lambda o: _pod(o)["spec"]["volumes"].pop()),
    "a ConfigMap that is not there": (
        "is not there",
        lambda o: _pod(o)["spec"]["volumes"][0]["configMap"].update(name="x"),
    ),
    "a file that is not mounted": (
        "not mounted",
        lambda o: _pod(o)["spec"]["volumes"][1]["projected"]["sources"].pop(0),
    ),
    "a variable twice": (
        "set twice",
        lambda o: _pod(o)["spec"]["containers"][0]["env"].append(_pod(o)["spec"]["containers"][0]["env"][0]),
    ),
    "replicas beside KEDA": (
        "several that say",
        lambda o: of_kind(o, "Deployment")[0]["spec"].update(replicas=1),
    ),
    "a target that is not there": (
        "scaled and not there",
        lambda o: of_kind(o, "HorizontalPodAutoscaler")[0]["spec"]["scaleTargetRef"].update(name="x"),
    ),
    "a number in KEDA's metadata": (
        "no texts",
        lambda o: of_kind(o, "ScaledObject")[0]["spec"]["triggers"][0]["metadata"].update(lagThreshold=5),
    ),
    "another login for KEDA": (
        "logs in",
        lambda o: of_kind(o, "TriggerAuthentication")[0]["spec"]["secretTargetRef"][0].update(key="x"),
    ),
    "a login for KEDA without a password": (
        "without a name or a password",
        lambda o: of_kind(o, "TriggerAuthentication")[0]["spec"]["secretTargetRef"].pop(1),
    ),
    "another account": ("ServiceAccount", lambda o: _pod(o)["spec"].update(serviceAccountName="x")),
    "a secret in a ConfigMap": (
        "holds ['kafka.sasl_password']",
        lambda o: of_kind(o, "ConfigMap")[0]["data"].update({"settings.yaml": "kafka: {sasl_password: x}"}),
    ),
    "a secret in the environment": (
        "is readable",
        lambda o: _pod(o)["spec"]["containers"][0]["env"].append({"name": "X_PASSWORD", "value": "x"}),
    ),
}


@pytest.fixture(scope="module")
def everything() -> list[Object]:
    """Everything on: a copy to spoil."""
    return rendered(EVERYTHING)


@pytest.mark.parametrize("plant", PLANTED)
def test_what_would_not_agree_is_found(plant: str, everything: list[Object]) -> None:
    message, spoil = PLANTED[plant]
    spoilt = copy.deepcopy(everything)
    spoil(spoilt)
    assert [fault for fault in faults(spoilt) if message in fault]
