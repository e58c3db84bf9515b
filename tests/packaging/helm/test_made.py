"""The chart's files agree with each other, with the package, and with what is written of them."""

import json
import re
import shutil
import tarfile
from pathlib import Path

import helm_python
import jsonschema
import pytest
import yaml

from processor import __version__
from processor.config import loading
from processor.config.settings import Settings
from tests import docs
from tests.packaging.helm import comments, made, schema
from tests.packaging.helm.__main__ import pack
from tests.packaging.helm.container import AnySecret, laid_out
from tests.packaging.helm.rendering import CHART, cases, defaults, of_kind, rendered, texts, the
from tests.packaging.helm.special import SPECIAL

KUBERNETES = (docs.FOLDER / "kubernetes.md").read_text(encoding="utf-8")
META = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", made.files(), ids=lambda file: file.name)
def test_what_is_made_is_as_it_would_be_made(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == made.files()[file], "run `make docs`"


def test_the_chart_is_of_the_packages_version() -> None:
    assert META["appVersion"] == __version__
    assert META["name"] == CHART.name
    assert META["icon"].startswith("data:")


def test_every_value_has_a_meaning() -> None:
    assert comments.undocumented() == []
    assert len(comments.meanings()) > 80


def test_a_value_without_a_meaning_would_be_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("# -- Said.\na: {b: 1}\nc:\n  d: 2\n# no meaning\ne: []\n", encoding="utf-8")
    monkeypatch.setattr(comments, "VALUES", file)
    assert comments.undocumented() == ["c.d", "e"]


def test_every_special_schema_is_of_a_value_that_exists() -> None:
    assert {path for path, *_ in comments.entries()} >= SPECIAL.keys()


def test_the_schema_knows_every_section_of_the_settings_and_requires_nothing() -> None:
    said, sections = schema.schema()["definitions"], Settings.model_json_schema()["$defs"]
    assert said["Settings"]["properties"].keys() == Settings.model_fields.keys()
    assert not [name for name, each in said.items() if name in sections and "required" in each]
    assert said["Settings"]["additionalProperties"] is False


def test_every_mapping_of_the_schema_says_what_may_be_in_it() -> None:
    known = ["extraManifests", *["relabelings", "metricRelabelings"] * 2]
    of_kubernetes = "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1"
    assert _open(schema.schema()) == [*known, "body", of_kubernetes]


def _open(each: object, path: str = "") -> list[str]:
    """Mappings in which anything may stand, by the key that they are under."""
    if isinstance(each, list):
        return [found for one in each for found in _open(one, path)]
    if not isinstance(each, dict):
        return []
    found = []
    for name, one in each.items():
        found += _open(one, name if name not in ("items", "properties", "type", "anyOf", "allOf") else path)
    kinds = each.get("type", ())
    is_mapping = "object" in ([kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else [])
    return found + ([path] if is_mapping and "additionalProperties" not in each else [])


def test_the_defaults_are_what_the_schema_allows() -> None:
    jsonschema.validate(defaults(), json.loads((CHART / "values.schema.json").read_text(encoding="utf-8")))


def test_the_pages_show_the_minimal_values() -> None:
    text = (CHART / "ci" / "minimal-values.yaml").read_text(encoding="utf-8")
    assert f"```yaml\n{text}```" in made.README.read_text(encoding="utf-8")
    assert f"```yaml\n{text}```" in docs.README.read_text(encoding="utf-8")
    assert f"```yaml\n{text}```" in KUBERNETES
    assert len(text.splitlines()) <= 10


def test_every_value_named_in_the_pages_exists() -> None:
    known = {path.removeprefix("defaults.") for path, *_ in comments.entries()}
    known |= {path for path, *_ in comments.entries()}
    said = KUBERNETES.partition("## Kubernetes")[2] + made.README.read_text(encoding="utf-8")
    roots = {path.partition(".")[0] for path in known}
    found = re.findall(r"`([a-zA-Z]+(?:\.[a-zA-Z]+)+)`", said)
    named = {name for name in found if name.partition(".")[0] in roots and "config." not in name}
    assert named <= known
    assert len(named) > 10


def test_the_chart_can_be_packed(tmp_path: Path) -> None:
    packed = pack(tmp_path)
    with helm_python.Chart.load(str(packed)) as chart:
        assert (chart.name, chart.metadata["version"]) == (META["name"], META["version"])
        assert chart.render(cases()["minimal"], name="events")
    with tarfile.open(packed) as files:
        assert not [name for name in files.getnames() if "/ci/" in name]


def test_the_notes_say_where_to_look_for_each_destination() -> None:
    said = texts(cases()["destinations"])["NOTES.txt"]
    for name in ("crm", "analytics", "audit"):
        assert f"port-forward deployment/events-kafka-webhook-processor-{name} 8080:8080" in said
    assert "helm test events -n hooks" in said


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A copy of the chart, with alerts of its own."""
    copied = tmp_path / "chart"
    shutil.copytree(CHART, copied)
    alerts = {
        "groups": [
            {
                "name": "first",
                "rules": [
                    {"record": "a:b", "expr": "sum(b) by (c)"},
                    {
                        "alert": "Down",
                        "expr": 'up{job="kafka-webhook-processor"} == 0',
                        "for": "5m",
                        "labels": {"severity": "critical"},
                        "annotations": {"summary": "{{ $labels.pod }} is down", "runbook": "Down"},
                    },
                ],
            },
            {"name": "second", "interval": "30s", "rules": [{"alert": "Slow", "expr": "a > 1e6"}]},
        ]
    }
    (copied / "files" / "alerts.yaml").write_text(yaml.safe_dump(alerts), encoding="utf-8")
    return copied


def test_alerts_are_taken_over_as_they_are(chart: Path) -> None:
    said = the(
        rendered(cases()["minimal"] | {"prometheusRule": {"enabled": True}}, chart=chart), "PrometheusRule"
    )
    assert said["spec"] == yaml.safe_load((chart / "files" / "alerts.yaml").read_text(encoding="utf-8"))


def test_alerts_can_be_disabled_overridden_and_linked(chart: Path) -> None:
    wanted = {
        "enabled": True,
        "labels": {"release": "prometheus"},
        "disabled": ["Slow"],
        "overrides": {"Down": {"for": "1m", "labels": {"team": "data"}}},
        "runbookUrl": "https://runbooks.example.com/x",
    }
    said = the(rendered(cases()["minimal"] | {"prometheusRule": wanted}, chart=chart), "PrometheusRule")
    (group,) = said["spec"]["groups"]
    down = group["rules"][1]
    assert said["metadata"]["labels"]["release"] == "prometheus"
    assert (down["for"], down["labels"]) == ("1m", {"severity": "critical", "team": "data"})
    assert down["annotations"] == {
        "summary": "{{ $labels.pod }} is down",
        "runbook": "Down",
        "runbook_url": "https://runbooks.example.com/x#Down",
    }


def test_the_dashboard_and_the_alerts_are_those_of_the_files() -> None:
    values = cases()["minimal"] | {"dashboard": {"enabled": True}, "prometheusRule": {"enabled": True}}
    objects = rendered(values)
    (board,) = [each for each in objects if each["metadata"]["name"].endswith("-dashboard")]
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    (text,) = board["data"].values()
    assert json.loads(text) == json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
    alerts = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))
    kept = [group for group in alerts["groups"] if group["rules"]]
    assert the(objects, "PrometheusRule")["spec"] == {"groups": kept}


@pytest.mark.parametrize("shown", re.findall(r"```yaml\n(.*?)```", KUBERNETES, re.DOTALL))
def test_values_shown_for_kubernetes_make_settings_that_can_be_used(shown: str, tmp_path: Path) -> None:
    secrets = AnySecret({("crm", "url"): "https://crm.example.com/in?token=abc"})
    schemas = {"kind": "ConfigMap", "metadata": {"name": "order-schemas"}, "data": {"order.avsc": "{}"}}
    objects = [*rendered(yaml.safe_load(shown)), schemas]
    deployments = of_kind(objects, "Deployment")
    assert deployments
    for each in deployments:
        container = laid_out(objects, each, tmp_path / each["metadata"]["name"], secrets)
        loading.load(container.settings, container.env)
