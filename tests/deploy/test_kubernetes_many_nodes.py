"""Many nodes on Kubernetes: they share what they have to, are spread, and go one at a time."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from controlplane.processes.supervisor import GRACE_SECONDS
from latchkey.duration import parse_duration
from tests.deploy.manifests import container, documents, manifest, pod, settings

SETTINGS = settings("base/configmap") | settings("many-nodes/configmap.patch")
POLICIES = ("web", "steward", "jobs")
STORES = {5432, 6379, 26379}


def labels(name: str) -> dict[str, str]:
    spec = manifest(name)["spec"]
    found: dict[str, str] = spec.get("jobTemplate", {"spec": spec})["spec"]["template"]["metadata"]["labels"]
    return found


def ports_out(policy: str) -> set[int]:
    """The ports that a policy lets out, but for those of names."""
    rules: list[dict[str, Any]] = manifest(f"many-nodes/networkpolicy-{policy}")["spec"]["egress"]
    return {port["port"] for rule in rules for port in rule["ports"]} - {53}


@pytest.mark.parametrize("name", ["many-nodes/web", "many-nodes/steward"])
def test_nodes_are_several_and_on_different_hosts(name: str) -> None:
    assert manifest(name)["spec"]["replicas"] >= 2
    assert manifest(name)["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    for constraint in pod(name)["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == labels(name)
    keys = {found["topologyKey"]: found["whenUnsatisfiable"] for found in pod(name)["topologySpreadConstraints"]}
    assert keys["kubernetes.io/hostname"] == "DoNotSchedule"
    budgets = documents("many-nodes")["poddisruptionbudget"]
    (budget,) = [one["spec"] for one in budgets if one["spec"]["selector"]["matchLabels"] == labels(name)]
    assert budget["maxUnavailable"] == 1


def test_a_node_does_not_migrate() -> None:
    """One job does, so that the old nodes serve on meanwhile; and none makes secrets that the others lack."""
    for name in ("many-nodes/web", "many-nodes/steward"):
        assert not [argument for argument in container(name)["command"] if "first-start" in argument]
    assert container("many-nodes/migrate")["args"] == ["migrate"]


def test_only_the_steward_pod_runs_a_steward() -> None:
    assert "--no-steward" in container("many-nodes/web")["command"]
    assert "--no-steward" not in container("many-nodes/steward")["command"]


def test_node_is_unready_once_known_keys_fail() -> None:
    """And not before: the database is away from all of them at once."""
    probe = container("many-nodes/web")["readinessProbe"]
    stale = parse_duration(f"{SETTINGS['DIRECTORY_STALE_SECONDS']}s")
    assert probe["periodSeconds"] * probe["failureThreshold"] == stale.total_seconds()


def test_node_serves_until_its_removal_is_known() -> None:
    delay = int(SETTINGS["SHUTDOWN_DELAY_SECONDS"])
    assert delay >= 10
    for name in ("many-nodes/web", "many-nodes/steward"):
        assert pod(name)["terminationGracePeriodSeconds"] > delay + GRACE_SECONDS


@pytest.mark.parametrize("name", ["many-nodes/web", "many-nodes/steward"])
def test_node_accepts_its_own_address(name: str) -> None:
    """Prometheus asks by that."""
    given = {entry["name"]: entry.get("value") for entry in container(name)["env"]}
    assert list(given) == ["POD_IP", "ALLOWED_HOSTS"]  # what refers to another has to follow it
    assert given["ALLOWED_HOSTS"] == SETTINGS["ALLOWED_HOSTS"] + ",$(POD_IP)"
    selector = manifest("many-nodes/nodes")["spec"]["selector"].items()
    assert selector <= labels(name).items()
    assert not selector <= labels("many-nodes/migrate").items()
    assert manifest("many-nodes/nodes")["spec"]["clusterIP"] == "None"


def test_fallback_outlives_the_container_not_the_pod() -> None:
    for name in ("many-nodes/web", "many-nodes/steward"):
        (data,) = [volume for volume in pod(name)["volumes"] if volume["name"] == "data"]
        assert data["emptyDir"].get("medium", "") == ""


def test_a_backup_ends_and_old_ones_go(tmp_path: Path) -> None:
    """A backup that hangs is stopped, because no other one starts while it runs. Only old backups are deleted."""
    assert manifest("many-nodes/backup.example")["spec"]["concurrencyPolicy"] == "Forbid"
    assert manifest("many-nodes/backup.example")["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0
    script = container("many-nodes/backup.example")["command"][-1]
    for name, days in {"2026-01-01T021500": 20, "2026-01-20T021500": 1, "ours": 20}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
        at = time.time() - days * 86400
        os.utime(tmp_path / name, (at, at))
    removal = script.splitlines()[-1].replace("/backups", str(tmp_path))
    subprocess.run(["sh", "-ec", removal], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-01-20T021500", "ours"]
    assert "%FT%H%M%S" in script.splitlines()[-2], "the second attempt of a day has a path too"
    failing = script.replace("python manage.py backup", "false").replace("/backups", str(tmp_path))
    assert subprocess.run(["sh", "-ec", failing], check=False).returncode != 0


def test_restore_keeps_the_replaced_data() -> None:
    """DATA_DIR, where that goes, lies on the volume of the backups."""
    mounts = {mount["mountPath"]: mount for mount in container("many-nodes/restore.example")["volumeMounts"]}
    assert mounts["/data"]["name"] == mounts["/backups"]["name"] == "backups"
    claims = [volume.get("persistentVolumeClaim") for volume in pod("many-nodes/restore.example")["volumes"]]
    (made, _) = documents("many-nodes")["backup.example"]
    assert {"claimName": made["metadata"]["name"]} in claims


def test_every_pod_has_a_network_policy() -> None:
    for name, policy in (
        ("web", "web"), ("steward", "steward"), ("migrate", "jobs"), ("backup.example", "jobs"),
        ("restore.example", "jobs"),
    ):  # fmt: skip
        selector = manifest(f"many-nodes/networkpolicy-{policy}")["spec"]["podSelector"]["matchLabels"]
        assert selector == labels(f"many-nodes/{name}")
    for policy in POLICIES:
        assert manifest(f"many-nodes/networkpolicy-{policy}")["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_only_the_steward_reaches_the_world() -> None:
    assert {policy: ports_out(policy) for policy in POLICIES} == {
        "web": STORES, "steward": STORES | {443}, "jobs": STORES,
    }  # fmt: skip
    assert "ingress" not in manifest("many-nodes/networkpolicy-jobs")["spec"]
