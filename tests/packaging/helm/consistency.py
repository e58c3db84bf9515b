"""Whether what is rendered agrees with itself: what no schema sees.

`faults` says everything that does not, in lines that name the object.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

import yaml

from tests.packaging.helm.container import ROOT
from tests.packaging.helm.rendering import NAMESPACE, Object, of_kind, pods

JOB = "kafka-webhook-processor"
NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
"""What every kind takes: a Service's name begins with a letter."""
STABLE = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    f"{JOB}/role",
}
"""Labels that neither an upgrade nor other values change: a Deployment's selector can never change."""


def faults(objects: list[Object]) -> list[str]:
    """All of them."""
    return [fault for check in CHECKS for fault in check(objects)]


def called(each: Object) -> str:
    """An object in a message."""
    return f"{each['kind']} {each['metadata']['name']}"


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a selector selects what has these labels."""
    return selector.items() <= labels.items()


def names_are_unique_and_valid(objects: list[Object]) -> Iterator[str]:
    """Of every object and label."""
    counts = Counter(map(called, objects))
    yield from (f"{name} is there {count} times" for name, count in counts.items() if count > 1)
    for each in objects:
        if not NAME.fullmatch(each["metadata"]["name"]):
            yield f"{called(each)}: no name of 63 characters at most"
        if each["metadata"].get("namespace") != NAMESPACE:
            yield f"{called(each)}: not in the release's namespace"
        for label, value in each["metadata"].get("labels", {}).items():
            if len(str(value)) > 63:
                yield f"{called(each)}: label {label} is too long"


def deployments_select_their_pods(objects: list[Object]) -> Iterator[str]:
    """Each Deployment its own pods and no others."""
    for deployment in of_kind(objects, "Deployment"):
        selector = deployment["spec"]["selector"]["matchLabels"]
        if unstable := selector.keys() - STABLE:
            yield f"{called(deployment)}: selects by {sorted(unstable)}, which may change"
        if _selected(objects, selector) != [called(deployment)]:
            yield f"{called(deployment)}: selects {_selected(objects, selector)}"


def what_is_beside_a_deployment_selects_its_pods(objects: list[Object]) -> Iterator[str]:
    """Services, budgets and monitors those of exactly one; no two policies are for the same pods."""
    for each in objects:
        if (selector := _selector(each)) is not None:
            found = _selected(objects, selector)
            if len(found) != 1 or not found[0].startswith("Deployment"):
                yield f"{called(each)}: selects {found}"
    for one, other in combinations(of_kind(objects, "NetworkPolicy"), 2):
        if one["spec"]["podSelector"] == other["spec"]["podSelector"]:
            yield f"{called(one)} and {called(other)} are for the same pods"


def _selector(each: Object) -> Mapping[str, str] | None:
    found: Mapping[str, str] | None
    match each["kind"]:
        case "Service":
            found = each["spec"]["selector"]
        case "PodDisruptionBudget" | "PodMonitor":
            found = each["spec"]["selector"]["matchLabels"]
        case _:
            found = None
    return found


def _selected(objects: list[Object], selector: Mapping[str, str]) -> list[str]:
    return [called(of) for of, pod in pods(objects) if selects(selector, pod["metadata"]["labels"])]


def ports_exist(objects: list[Object]) -> Iterator[str]:
    """Those of probes, Services, monitors and policies."""
    for deployment in of_kind(objects, "Deployment"):
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            named = {port["name"] for port in container["ports"]}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if container[probe]["httpGet"]["port"] not in named:
                    yield f"{called(deployment)}: {probe} asks a port that is not there"
    for each in of_kind(objects, "Service"):
        named = _named_ports(objects, each["spec"]["selector"])
        for port in each["spec"]["ports"]:
            if port["targetPort"] not in named:
                yield f"{called(each)}: {port['targetPort']} is no port of its pods"
    yield from _monitored_ports(objects)


def _monitored_ports(objects: list[Object]) -> Iterator[str]:
    for each in of_kind(objects, "PodMonitor"):
        named = _named_ports(objects, each["spec"]["selector"]["matchLabels"])
        if each["spec"]["podMetricsEndpoints"][0]["port"] not in named:
            yield f"{called(each)}: no such port"
    for each in of_kind(objects, "ServiceMonitor"):
        services = [
            service
            for service in of_kind(objects, "Service")
            if selects(each["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])
        ]
        if len(services) != 1:
            yield f"{called(each)}: {len(services)} Services"
        elif each["spec"]["endpoints"][0]["port"] not in {p["name"] for p in services[0]["spec"]["ports"]}:
            yield f"{called(each)}: no such port"
        elif services[0]["metadata"]["labels"].get(each["spec"]["jobLabel"]) != JOB:
            yield f"{called(each)}: another job"


def _named_ports(objects: list[Object], selector: Mapping[str, str]) -> set[str]:
    return {
        port["name"]
        for _, pod in pods(objects)
        if selects(selector, pod["metadata"]["labels"])
        for container in pod["spec"]["containers"]
        for port in container.get("ports", [])
    }


def mounts_have_volumes(objects: list[Object]) -> Iterator[str]:
    """And volumes are mounted, and their ConfigMaps exist."""
    maps = {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap")}
    for each, pod in pods(objects):
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        mounts = [mount for container in pod["spec"]["containers"] for mount in container["volumeMounts"]]
        if {mount["name"] for mount in mounts} != volumes.keys():
            yield f"{called(each)}: mounts and volumes differ"
        for volume in volumes.values():
            if "configMap" in volume and volume["configMap"]["name"] not in maps:
                yield f"{called(each)}: the ConfigMap of {volume['name']} is not there"
            if len(volume) < 2:
                yield f"{called(each)}: {volume['name']} has no source"


def named_files_are_mounted(objects: list[Object]) -> Iterator[str]:
    """Those that the settings and the environment name."""
    for each, pod in pods(objects):
        mounted = {f"{ROOT}/secrets/{item['path']}" for _, item in _items(pod)}
        mounted.add(f"{ROOT}/config/settings.yaml")
        for container in pod["spec"]["containers"]:
            said = [variable.get("value", "") for variable in container["env"]]
            names = Counter(variable["name"] for variable in container["env"])
            yield from (f"{called(each)}: {n} is set twice" for n, count in names.items() if count > 1)
            for path in re.findall(rf"{ROOT}/\S+", " ".join(said) + " " + _settings_text(objects, pod)):
                if path not in mounted:
                    yield f"{called(each)}: {path} is not mounted"


def _items(pod: Object) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Files out of Secrets: the Secret's name, and the item."""
    for volume in pod["spec"]["volumes"]:
        for source in volume.get("projected", {}).get("sources", []):
            yield from ((source["secret"]["name"], item) for item in source["secret"]["items"])


def _settings_text(objects: list[Object], pod: Object) -> str:
    names = {volume.get("configMap", {}).get("name") for volume in pod["spec"]["volumes"]}
    return "\n".join(
        text
        for each in of_kind(objects, "ConfigMap")
        if each["metadata"]["name"] in names
        for text in each["data"].values()
    )


def what_scales_is_alone(objects: list[Object]) -> Iterator[str]:
    """Each target is there, has no replicas of its own, and one master."""
    deployments = {each["metadata"]["name"]: each for each in of_kind(objects, "Deployment")}
    scalers = of_kind(objects, "HorizontalPodAutoscaler") + of_kind(objects, "ScaledObject")
    targets = Counter(each["spec"]["scaleTargetRef"]["name"] for each in scalers)
    for name, count in targets.items():
        if name not in deployments:
            yield f"{name} is scaled and not there"
        elif count > 1 or "replicas" in deployments[name]["spec"]:
            yield f"{name} has several that say its replicas"
    for name, deployment in deployments.items():
        if name not in targets and "replicas" not in deployment["spec"]:
            yield f"{called(deployment)}: nobody says its replicas"


def keda_logs_in_as_the_processor_does(objects: list[Object]) -> Iterator[str]:
    """With the same Secrets; what it reads is text."""
    logins = {each["metadata"]["name"]: each for each in of_kind(objects, "TriggerAuthentication")}
    deployments = {each["metadata"]["name"]: each for each in of_kind(objects, "Deployment")}
    for each in of_kind(objects, "ScaledObject"):
        pod = deployments[each["spec"]["scaleTargetRef"]["name"]]["spec"]["template"]
        for trigger in each["spec"]["triggers"]:
            if odd := [name for name, value in trigger["metadata"].items() if not isinstance(value, str)]:
                yield f"{called(each)}: {odd} are no texts"
            if (name := trigger.get("authenticationRef", {}).get("name")) is None:
                continue
            login = logins.get(name, {"spec": {}})
            yield from _login_faults(login, pod, called(each))
            got = {given["parameter"] for way in login["spec"].values() for given in way}
            if "sasl" in trigger["metadata"] and not {"username", "password"} <= got:
                yield f"{called(each)}: logs in without a name or a password"


def _login_faults(login: Object, pod: Object, who: str) -> Iterator[str]:
    """How what KEDA logs in with differs from what the pod does."""
    secrets = {(secret, item["key"]) for secret, item in _items(pod)}
    variables = {each["name"] for each in pod["spec"]["containers"][0]["env"]}
    known = [(each["name"], each["key"]) in secrets for each in login["spec"].get("secretTargetRef", [])]
    known += [each["name"] in variables for each in login["spec"].get("env", [])]
    own = [item for _, item in _items(pod) if item["path"].startswith("kafka/")]
    if not all(known) or len(login["spec"].get("secretTargetRef", [])) != len(own):
        yield f"{who}: logs in with what the pod does not have"


def accounts_exist(objects: list[Object]) -> Iterator[str]:
    """Where the chart makes one, it is the one that is used."""
    made = {each["metadata"]["name"] for each in of_kind(objects, "ServiceAccount")}
    for each, pod in pods(objects):
        if made and pod["spec"]["serviceAccountName"] not in made:
            yield f"{called(each)}: another ServiceAccount"


def no_secret_is_readable(objects: list[Object]) -> Iterator[str]:
    """In the settings files; every variable whose name asks for a secret is a reference or a path."""
    for each in of_kind(objects, "ConfigMap"):
        for name, text in each.get("data", {}).items():
            if name == "settings.yaml" and (found := list(_secrets(yaml.safe_load(text)))):
                yield f"{called(each)}: holds {found}"
    for each, pod in pods(objects):
        for variable in pod["spec"]["containers"][0]["env"]:
            if re.search("PASSWORD$|TOKEN$", variable["name"]) and "value" in variable:
                yield f"{called(each)}: {variable['name']} is readable"


def _secrets(value: Any, path: str = "") -> Iterable[str]:
    for name, each in value.items():
        if isinstance(each, dict):
            yield from _secrets(each, f"{path}{name}.")
        elif re.search("password|token$|(?i:authorization)", name):
            yield f"{path}{name}"


CHECKS: list[Callable[[list[Object]], Iterator[str]]] = [
    names_are_unique_and_valid,
    deployments_select_their_pods,
    what_is_beside_a_deployment_selects_its_pods,
    ports_exist,
    mounts_have_volumes,
    named_files_are_mounted,
    what_scales_is_alone,
    keda_logs_in_as_the_processor_does,
    accounts_exist,
    no_secret_is_readable,
]
