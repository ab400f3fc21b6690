"""The Kubernetes manifests: of the API's schemas, one node, few rights, and probes that restart nothing in vain."""

import shutil
import subprocess
from typing import Any

import kubernetes_validate
import pytest
import yaml

from controlplane.environment import SECRETS_FILE
from latchkey import __version__
from tests.server.running import ROOT

DIRECTORY = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((DIRECTORY / "kustomization.yaml").read_text())
MANIFESTS: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text())
    for path in sorted(DIRECTORY.glob("*.yaml"))
    if path.stem != "kustomization"
}
LABELS = {"app.kubernetes.io/name": "latchkey"}
POD: dict[str, Any] = MANIFESTS["statefulset"]["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]


@pytest.mark.parametrize("name", MANIFESTS)
@pytest.mark.parametrize("version", ["1.30", "1.33"])
def test_schema(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


def test_kustomization_names_every_file_but_examples() -> None:
    assert sorted(KUSTOMIZATION["resources"]) == sorted(
        f"{name}.yaml" for name in MANIFESTS if not name.endswith(".example")
    )
    assert KUSTOMIZATION["images"] == [{"name": "latchkey", "newTag": __version__}]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is missing")
def test_kustomize_builds_it() -> None:
    built = subprocess.run(["kubectl", "kustomize", DIRECTORY], capture_output=True, text=True, check=True).stdout
    documents = {document["kind"]: document for document in yaml.safe_load_all(built)}
    assert {document["metadata"].get("namespace", "latchkey") for document in documents.values()} == {"latchkey"}
    (container,) = documents["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"latchkey:{__version__}"


def test_no_secret_has_a_value() -> None:
    secret = MANIFESTS["secret.example"]
    assert "data" not in secret
    lines = secret["stringData"][SECRETS_FILE].split()
    assert lines == ["SECRET_KEY=", "SECRET_PEPPERS="]
    assert not [name for name in MANIFESTS["configmap"]["data"] if "SECRET" in name or name == "DATABASE_URL"]


def test_one_pod_and_its_volume() -> None:
    spec = MANIFESTS["statefulset"]["spec"]
    assert spec["replicas"] == 1
    assert [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]] == ["data"]
    declared = {volume["name"] for volume in POD["volumes"]} | {"data"}
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == declared


def test_a_restore_has_what_the_server_has() -> None:
    """The same pod, but that nothing asks it and that it works on the volume of the one replica."""
    pod = MANIFESTS["restore.example"]["spec"]["template"]["spec"]
    (job,) = pod["containers"]
    served = {name: value for name, value in CONTAINER.items() if name != "ports" and not name.endswith("Probe")}
    assert {**job, "image": "latchkey"} == {**served, "command": job["command"], "args": job["args"]}
    assert job["image"] == f"latchkey:{__version__}"
    assert job["command"] == ["python", "manage.py"]
    assert pod["securityContext"] == POD["securityContext"]
    assert [volume for volume in pod["volumes"] if volume["name"] != "data"] == POD["volumes"]
    (data,) = [volume for volume in pod["volumes"] if volume["name"] == "data"]
    assert data["persistentVolumeClaim"]["claimName"] == "data-latchkey-0"


def test_the_pod_has_no_more_than_it_needs() -> None:
    context = POD["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"], context["fsGroup"]) == (True, 10001, 10001)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert CONTAINER["resources"]["limits"]["memory"]


def test_a_database_that_is_away_restarts_nothing() -> None:
    assert "httpGet" not in CONTAINER["livenessProbe"]
    assert "httpGet" not in CONTAINER["startupProbe"]
    asked = CONTAINER["readinessProbe"]["httpGet"]
    assert asked["path"] == "/health"
    host = {header["name"]: header["value"] for header in asked["httpHeaders"]}["Host"]
    assert host in MANIFESTS["configmap"]["data"]["ALLOWED_HOSTS"].split(",")


def test_everything_selects_the_pod() -> None:
    assert MANIFESTS["statefulset"]["spec"]["template"]["metadata"]["labels"] == LABELS
    assert MANIFESTS["statefulset"]["spec"]["selector"]["matchLabels"] == LABELS
    assert MANIFESTS["service"]["spec"]["selector"] == LABELS
    assert MANIFESTS["poddisruptionbudget"]["spec"]["selector"]["matchLabels"] == LABELS
    assert MANIFESTS["networkpolicy"]["spec"]["podSelector"]["matchLabels"] == LABELS
