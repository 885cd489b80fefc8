"""The chart, rendered by Helm's own engine, held against the schemas of Kubernetes. No cluster took part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from deploy_files import CHART

from linktide.config import Config, load

if TYPE_CHECKING:
    from pathlib import Path

helm = pytest.importorskip("helm_python", reason="helm-python-sdk has no wheel for this machine")
validate = pytest.importorskip("kubernetes_validate").validate

KUBERNETES = ("1.27", "1.33", "1.37")
EVERYTHING: dict[str, Any] = {
    "networkPolicy": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboards": {"enabled": True},
    "imagePullSecrets": [{"name": "registry"}],
    "secret": {"environment": "kafka"},
    "env": [{"name": "LINKTIDE_MEMORY_LIMIT", "value": "2 GiB"}],
    "podLabels": {"team": "links"},
    "podAnnotations": {"a/b": "c"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "links", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "persistence": {"storageClass": "fast", "annotations": {"a/b": "c"}},
    "service": {"annotations": {"a/b": "c"}},
    "serviceAccount": {"annotations": {"a/b": "c"}},
    "config": 'rivals = ["example.com"]\n[kafka]\nbootstrap_servers = ["k:9092"]\ntopics = ["links"]\n',
}
NO_SQL: dict[str, Any] = {"secret": {"keys": {"sqlUsers": ""}}}
CASES = {"as it is": {}, "everything": EVERYTHING, "no SQL": NO_SQL}
OPERATOR = "monitoring.coreos.com/v1"


def rendered(values: dict[str, Any], release: str = "links") -> dict[str, dict[str, Any]]:
    """Return the documents of a release by kind; one that comes twice by kind and name."""
    with helm.Chart.load(str(CHART)) as chart:
        texts = chart.render(values, name=release, namespace="seo")
    documents = [
        document
        for name, text in texts.items()
        if name.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document
    ]
    return {
        "Dashboards" if one["metadata"]["name"].endswith("-dashboards") else one["kind"]: one
        for one in documents
    }


def container(documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    (one,) = documents["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = one
    return found


def config_of(documents: dict[str, dict[str, Any]], folder: Path) -> Config:
    """Return the settings that a pod would have."""
    (folder / "linktide.toml").write_text(documents["ConfigMap"]["data"]["linktide.toml"], "utf-8")
    environ = {row["name"]: row["value"] for row in container(documents)["env"]}
    return load(flags={}, environ=environ, folder=folder)


@pytest.mark.parametrize("values", CASES.values(), ids=list(CASES))
def test_helm_finds_nothing_to_say(values: dict[str, Any]) -> None:
    told = helm.lint(str(CHART), values, strict=True)
    assert told["errors"] == []
    assert [one["error"] for one in told["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("values", CASES.values(), ids=list(CASES))
def test_kubernetes_knows_every_field(values: dict[str, Any], version: str) -> None:
    documents = rendered(values)
    known = [one for one in documents.values() if one["apiVersion"] != OPERATOR]
    assert len(known) >= 4
    for document in known:
        validate(document, version, strict=True)


@pytest.mark.parametrize(
    "values", [{"replicas": 2}, {"persistence": {"accessModes": ["ReadWriteMany"]}}, {"config": 3}]
)
def test_a_slip_in_the_values_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(helm.HelmError), helm.Chart.load(str(CHART)) as chart:
        chart.validate_schema(values)


@pytest.mark.parametrize("values", CASES.values(), ids=list(CASES))
def test_the_service_accepts_what_the_pod_tells_it(values: dict[str, Any], tmp_path: Path) -> None:
    documents = rendered(values)
    config = config_of(documents, tmp_path)
    ports = {row["name"]: row["containerPort"] for row in container(documents)["ports"]}
    assert ports["http"] == config.http_port
    assert ports.get("sql") == (config.sql_port if config.sql_enabled else None)
    mounts = [row["mountPath"] for row in container(documents)["volumeMounts"]]
    files = (config.database, config.http_token_file, config.http_tls_certfile, config.http_tls_keyfile)
    assert all(str(path.parent) in mounts for path in files if path is not None)


def test_the_pod_may_do_nothing() -> None:
    documents = rendered(EVERYTHING)
    pod = documents["StatefulSet"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert container(documents)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_probes_and_scrapes_go_where_the_service_answers() -> None:
    documents = rendered(EVERYTHING)
    one = container(documents)
    probes = {name: one[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {probe["path"] for probe in probes.values()} == {"/-/healthy", "/-/ready"}
    assert probes["readinessProbe"]["path"] == "/-/ready"
    assert {probe["scheme"] for probe in probes.values()} == {"HTTPS"}
    monitor = documents["ServiceMonitor"]["spec"]
    labels = documents["Service"]["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    assert monitor["endpoints"][0]["port"] in {row["name"] for row in documents["Service"]["spec"]["ports"]}
    assert monitor["endpoints"][0]["path"] == "/metrics"
    selector = documents["Service"]["spec"]["selector"]
    assert selector.items() <= documents["StatefulSet"]["spec"]["template"]["metadata"]["labels"].items()


def test_rules_and_dashboards_are_those_of_deploy() -> None:
    documents = rendered(EVERYTHING)
    rules = yaml.safe_load((CHART / "files" / "linktide-rules.yaml").read_text("utf-8"))
    assert documents["PrometheusRule"]["spec"] == rules
    dashboards = {path.name: path.read_text("utf-8") for path in (CHART / "files" / "dashboards").iterdir()}
    assert documents["Dashboards"]["data"] == dashboards


@pytest.mark.parametrize("release", ["links", "linktide", "linktide-own", "a" * 53])
def test_names_fit_and_do_not_double(release: str) -> None:
    documents = rendered({}, release)
    name = documents["StatefulSet"]["metadata"]["name"]
    assert len(f"{name}-0") <= 63
    assert name.count("linktide") == (0 if release.startswith("aaa") else 1)
