"""The chart as Helm renders it, as objects."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache, reduce
from pathlib import Path
from typing import Any

import helm_python
import yaml

from processor.config.loading import merged

CHART = Path(__file__).parents[3] / "helm" / "kafka-webhook-processor"
NAMESPACE = "hooks"

Values = Mapping[str, Any]
Object = dict[str, Any]


def defaults() -> dict[str, Any]:
    """The chart's own values."""
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return values


def cases() -> dict[str, dict[str, Any]]:
    """The values of `ci/`, by name."""
    return {
        file.name.removesuffix("-values.yaml"): yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in sorted((CHART / "ci").glob("*-values.yaml"))
    }


def texts(values: Values, *, release: str = "events", chart: Path = CHART) -> dict[str, str]:
    """What Helm renders, by template. Raises HelmError with what it says."""
    said = _loaded(chart).render(dict(values), name=release, namespace=NAMESPACE)
    return {name.partition("/templates/")[2]: text for name, text in said.items()}


def rendered(values: Values, *, release: str = "events", chart: Path = CHART) -> list[Object]:
    """Every object, those for `helm test` too."""
    found = texts(values, release=release, chart=chart)
    found.pop("NOTES.txt")
    return [each for text in found.values() for each in yaml.load_all(text, yaml.CSafeLoader) if each]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """Those of a kind."""
    return [each for each in objects if each["kind"] == kind]


def the(objects: list[Object], kind: str) -> Object:
    """The only one of a kind."""
    (found,) = of_kind(objects, kind)
    return found


def pods(objects: list[Object]) -> Iterator[tuple[Object, Object]]:
    """Every object that makes pods, with the pod's template."""
    for each in objects:
        if each["kind"] in ("Deployment", "Job"):
            yield each, each["spec"]["template"]


def layered(*layers: Values) -> dict[str, Any]:
    """Values in one of its own, the later over the earlier."""
    return deepcopy(reduce(merged, map(dict, layers), {}))


@cache
def _loaded(chart: Path) -> helm_python.Chart:
    return helm_python.Chart.load(str(chart))
