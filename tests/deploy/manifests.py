"""The manifests for Kubernetes as they lie under deploy/, read for the tests."""

from typing import Any, Final

import yaml

from tests.support.commands import ROOT

Manifest = dict[str, Any]
DIRECTORY: Final = ROOT / "deploy" / "kubernetes"
OVERLAYS: Final = ("one-node", "many-nodes")
_NOT_OBJECTS: Final = ("kustomization", "configmap.patch")


def documents(directory: str) -> dict[str, list[Manifest]]:
    """The objects of each file of a directory, by the file's name without its suffix."""
    return {
        path.stem: list(yaml.safe_load_all(path.read_text()))
        for path in sorted((DIRECTORY / directory).glob("*.yaml"))
        if path.stem not in _NOT_OBJECTS
    }


def manifest(name: str) -> Manifest:
    """The last object of a file: `many-nodes/web`."""
    directory, _, file = name.partition("/")
    return documents(directory)[file][-1]


def kustomization(directory: str) -> Manifest:
    """What makes a set of a directory."""
    loaded: Manifest = yaml.safe_load((DIRECTORY / directory / "kustomization.yaml").read_text())
    return loaded


def pod(name: str) -> Manifest:
    """The pod of a workload, of which each has one container."""
    spec = manifest(name)["spec"]
    found: Manifest = spec.get("jobTemplate", {"spec": spec})["spec"]["template"]["spec"]
    return found


def container(name: str) -> Manifest:
    """The container of a workload."""
    (found,) = pod(name)["containers"]
    only: Manifest = found
    return only


def settings(name: str) -> dict[str, str]:
    """The settings that stand in a ConfigMap."""
    read: dict[str, str] = yaml.safe_load((DIRECTORY / f"{name}.yaml").read_text())["data"]
    return read
