"""The Kubernetes manifests: of the API's schemas, with few rights, and probes that restart nothing in vain."""

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from controlplane.environment import SECRETS_FILE
from latchkey import __version__
from tests.deploy.manifests import (
    DIRECTORY,
    OVERLAYS,
    container,
    documents,
    kustomization,
    manifest,
    pod,
    settings,
)

FILES = [f"{directory}/{name}" for directory in ("base", *OVERLAYS) for name in documents(directory)]
SERVERS = ("one-node/statefulset", "many-nodes/web", "many-nodes/steward")
JOBS = ("one-node/restore.example", "many-nodes/migrate", "many-nodes/backup.example", "many-nodes/restore.example")
EXAMPLES = tuple(name for name in FILES if name.endswith(".example"))
WEB = {"app.kubernetes.io/name": "latchkey", "app.kubernetes.io/component": "web"}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("version", ["1.30", "1.33"])
def test_schema(name: str, version: str) -> None:
    from kubernetes_validate import validate  # it parses grammars as it is imported, for over a second

    directory, _, file = name.partition("/")
    for document in documents(directory)[file]:
        validate(document, version, strict=True)


@pytest.mark.parametrize("directory", ["base", *OVERLAYS])
def test_kustomization_names_every_file_but_examples(directory: str) -> None:
    found = kustomization(directory)
    ours = [f"{name}.yaml" for name in documents(directory) if not name.endswith(".example")]
    assert sorted(set(found["resources"]) - {"../base"}) == sorted(ours)
    if directory in OVERLAYS:
        assert found["images"] == [{"name": "latchkey", "newTag": __version__}]
        assert found["namespace"] == "latchkey"


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is missing")
@pytest.mark.parametrize(("directory", "workloads"), [("one-node", 1), ("many-nodes", 3)])
def test_kustomize_build(directory: str, workloads: int) -> None:
    built = subprocess.run(
        ["kubectl", "kustomize", DIRECTORY / directory], capture_output=True, text=True, check=True
    ).stdout
    objects = list(yaml.safe_load_all(built))
    assert {found["metadata"].get("namespace", "latchkey") for found in objects} == {"latchkey"}
    pods = [found["spec"]["template"]["spec"] for found in objects if "template" in found.get("spec", {})]
    images = [contained["image"] for found in pods for contained in found["containers"]]
    assert images == [f"latchkey:{__version__}"] * workloads
    (given,) = [found["data"] for found in objects if found["kind"] == "ConfigMap"]
    changed = settings(f"{directory}/configmap.patch") if directory == "many-nodes" else {}
    assert given == settings("base/configmap") | changed


@pytest.mark.parametrize(
    ("directory", "names"),
    [
        ("one-node", ["SECRET_KEY=", "SECRET_PEPPERS="]),
        ("many-nodes", ["SECRET_KEY=", "SECRET_PEPPERS=", "DATABASE_URL=", "BUCKET_STORE_URL="]),
    ],
)
def test_no_secret_has_a_value(directory: str, names: list[str]) -> None:
    secret = manifest(f"{directory}/secret.example")
    assert "data" not in secret
    assert secret["stringData"][SECRETS_FILE].split() == names


@pytest.mark.parametrize("name", ["base/configmap", "many-nodes/configmap.patch"])
def test_config_maps_contain_no_secret(name: str) -> None:
    given = {found for found in settings(name) if "SECRET" in found or found.endswith("_URL")}
    assert given <= {"PUBLIC_URL"}


@pytest.mark.parametrize("name", [*SERVERS, *JOBS])
def test_a_pod_has_no_more_than_it_needs(name: str) -> None:
    context = pod(name)["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"], context["fsGroup"]) == (True, 10001, 10001)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(name)["automountServiceAccountToken"] is False
    assert not pod(name).keys() & {"hostNetwork", "hostPID", "hostIPC"}
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert container(name)["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", [*SERVERS, *JOBS])
def test_every_volume_is_declared_and_mounted(name: str) -> None:
    claimed = {claim["metadata"]["name"] for claim in manifest(name)["spec"].get("volumeClaimTemplates", [])}
    declared = {volume["name"] for volume in pod(name)["volumes"]} | claimed
    assert {mount["name"] for mount in container(name)["volumeMounts"]} == declared
    assert {"/data", f"/data/{SECRETS_FILE}", "/dev/shm"} <= {
        mount["mountPath"] for mount in container(name)["volumeMounts"]
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_use_the_namespace_and_version(name: str) -> None:
    """No kustomization gives them either."""
    directory, _, file = name.partition("/")
    assert {document["metadata"]["namespace"] for document in documents(directory)[file]} == {"latchkey"}
    if name in JOBS:
        assert container(name)["image"] == f"latchkey:{__version__}"


@pytest.mark.parametrize("name", SERVERS)
def test_database_outage_restarts_nothing(name: str) -> None:
    assert "httpGet" not in container(name)["livenessProbe"]
    assert "httpGet" not in container(name)["startupProbe"]
    asked = container(name)["readinessProbe"]["httpGet"]
    assert asked["path"] == "/health"
    host = {header["name"]: header["value"] for header in asked["httpHeaders"]}["Host"]
    assert host in settings("base/configmap")["ALLOWED_HOSTS"].split(",")


def test_client_services_select_serving_nodes() -> None:
    """And never a steward or a job."""
    for name in ("one-node/statefulset", "many-nodes/web"):
        assert manifest(name)["spec"]["template"]["metadata"]["labels"] == WEB
    selectors: list[Any] = [
        manifest("base/service")["spec"]["selector"],
        manifest("one-node/statefulset")["spec"]["selector"]["matchLabels"],
        manifest("one-node/poddisruptionbudget")["spec"]["selector"]["matchLabels"],
        manifest("many-nodes/web")["spec"]["selector"]["matchLabels"],
        documents("many-nodes")["poddisruptionbudget"][0]["spec"]["selector"]["matchLabels"],
        manifest("many-nodes/networkpolicy-web")["spec"]["podSelector"]["matchLabels"],
    ]
    assert [selector for selector in selectors if selector != WEB] == []
