"""A real Kubernetes API server would take everything that the chart renders, and has nothing to say of it."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.packaging.helm import crds, rendering
from tests.packaging.helm.apiserver import build
from tests.packaging.helm.apiserver.server import ApiServer, Verdict
from tests.support.not_tested import not_tested

CASES = rendering.cases()
POD = "spec.template.spec"
CONTAINER = f"{POD}.containers.0"
PLANTED = [
    ("Deployment", f"{CONTAINER}.readinessProbe.path", "/", "unknown field"),
    ("Deployment", f"{CONTAINER}.imagePullPolicy", "Sometimes", "Unsupported value"),
    ("Deployment", f"{CONTAINER}.livenessProbe.exec", {"command": ["true"]}, "may not specify more than 1"),
    (
        "Deployment",
        f"{CONTAINER}.resources.requests.memory",
        "9Ti",
        "must be less than or equal to memory limit",
    ),
    ("Deployment", f"{CONTAINER}.volumeMounts.0.name", "nothing", "Not found"),
    ("Deployment", "spec.selector.matchLabels", {"a": "b"}, "does not match template `labels`"),
    (
        "Deployment",
        f"{CONTAINER}.securityContext.allowPrivilegeEscalation",
        True,
        "would violate PodSecurity",
    ),
    ("Service", "spec.ports.0.port", 70000, "must be between 1 and 65535"),
]
"""What is wrong with an object, and what the server says of it."""

Object = dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    """With the resources of KEDA and the Prometheus operator."""
    if not build.is_built():
        not_tested("by a Kubernetes API server: `make apiserver` builds one", optional=True)
    crds.judges()
    with ApiServer(rendering.NAMESPACE) as server:
        for file in sorted(crds._folder().glob("*.yaml")):
            server.create_resource(yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader))
        yield server


def faults(server: ApiServer, objects: list[Object]) -> dict[str, Verdict]:
    """What the server says of each object that it does not simply take."""
    verdicts = {f"{each['kind']} {each['metadata']['name']}": server.would_take(each) for each in objects}
    return {name: verdict for name, verdict in verdicts.items() if not verdict.is_accepted}


def planted(each: Object, path: str, value: object) -> Object:
    """A copy with another value at a dotted path; a digit is the place in a list."""
    changed = copy.deepcopy(each)
    place: Any = changed
    *way, last = path.split(".")
    for name in way:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[last] = value
    return changed


@pytest.mark.parametrize("name", CASES)
def test_the_server_would_take_every_object(server: ApiServer, name: str) -> None:
    objects = rendering.rendered(CASES[name])
    assert any(each["kind"] == "Deployment" for each in objects)
    assert faults(server, objects) == {}


@pytest.mark.parametrize(("kind", "path", "value", "said"), PLANTED, ids=[said for *_, said in PLANTED])
def test_what_is_wrong_is_refused(server: ApiServer, kind: str, path: str, value: object, said: str) -> None:
    right = rendering.the(rendering.rendered(CASES["minimal"]), kind)
    assert server.would_take(right).is_accepted
    verdict = server.would_take(planted(right, path, value))
    assert not verdict.is_accepted
    assert said in verdict.reason + "".join(verdict.warnings)
