"""One node on Kubernetes: one pod, its volume, and a restore on that."""

from tests.deploy.manifests import container, manifest, pod


def test_one_pod_and_its_volume() -> None:
    spec = manifest("one-node/statefulset")["spec"]
    assert spec["replicas"] == 1
    assert [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]] == ["data"]


def test_network_policy_applies_to_every_pod() -> None:
    selector = manifest("one-node/networkpolicy")["spec"]["podSelector"]["matchLabels"]
    for name in ("one-node/statefulset", "one-node/restore.example"):
        assert selector.items() <= manifest(name)["spec"]["template"]["metadata"]["labels"].items()


def test_restore_matches_the_server() -> None:
    """The same pod, but that nothing asks it and that it works on the volume of the one replica."""
    server, restoring = pod("one-node/statefulset"), pod("one-node/restore.example")
    job = container("one-node/restore.example")
    served = {
        name: value
        for name, value in container("one-node/statefulset").items()
        if name != "ports" and not name.endswith("Probe")
    }
    assert {**job, "image": "latchkey"} == {**served, "command": job["command"], "args": job["args"]}
    assert job["command"] == ["python", "manage.py"]
    assert restoring["securityContext"] == server["securityContext"]
    assert [volume for volume in restoring["volumes"] if volume["name"] != "data"] == server["volumes"]
    (data,) = [volume for volume in restoring["volumes"] if volume["name"] == "data"]
    assert data["persistentVolumeClaim"]["claimName"] == "data-latchkey-0"
