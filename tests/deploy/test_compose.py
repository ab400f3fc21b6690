"""The compose files give their services no right that they do not need, and name no secret."""

import ipaddress
from typing import Any

import pytest
import yaml

from tests.support.commands import ROOT

FILES = ("compose.yaml", "compose.single.yaml")
COMPOSE: dict[str, dict[str, Any]] = {name: yaml.safe_load((ROOT / name).read_text()) for name in FILES}
SERVICES = [(file, name) for file in FILES for name in COMPOSE[file]["services"]]
NODES = ("web1", "web2")
ONCE = ("migrate",)


def service(file: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE[file]["services"][name]
    return found


def many(name: str) -> dict[str, Any]:
    return service("compose.yaml", name)


def address(name: str) -> str:
    """The fixed address of a service among the nodes."""
    found: str = many(name)["networks"]["nodes"]["ipv4_address"]
    return found


@pytest.mark.parametrize(("file", "name"), SERVICES)
def test_a_service_has_no_more_than_it_needs(file: str, name: str) -> None:
    given = service(file, name)
    assert given["read_only"] is True
    assert given["cap_drop"] == ["ALL"]
    assert "cap_add" not in given
    assert given["security_opt"] == ["no-new-privileges:true"]
    assert not given["user"].startswith(("0", "root"))
    assert not given.keys() & {"privileged", "pid", "ipc", "network_mode", "devices", "env_file"}
    assert given["mem_limit"]
    assert given["pids_limit"]
    assert {"max-size", "max-file"} <= set(given["logging"]["options"]), "a log that grows without end fills the disk"
    if name in ONCE:
        assert given["restart"] == "no"
    else:
        assert given["healthcheck"]["test"]
        assert given["restart"] == "unless-stopped"


@pytest.mark.parametrize(("file", "name"), SERVICES)
def test_an_image_is_of_one_version(file: str, name: str) -> None:
    _, _, tag = service(file, name)["image"].rpartition(":")
    assert tag.count(".") >= 1
    assert tag.lstrip("v")[0].isdigit()


@pytest.mark.parametrize("file", FILES)
def test_secrets_are_files(file: str) -> None:
    assert all(list(secret) == ["file"] for secret in COMPOSE[file]["secrets"].values())
    for given in COMPOSE[file]["services"].values():
        names = given.get("environment", {})
        told = (name for name in names if "SECRET" in name or "PEPPER" in name or name.endswith(("PASSWORD", "_URL")))
        assert set(told) <= {"PUBLIC_URL"}


@pytest.mark.parametrize("file", FILES)
def test_every_name_is_declared_and_used(file: str) -> None:
    volumes, networks, secrets = set(), set(), set()
    for given in COMPOSE[file]["services"].values():
        volumes |= {volume.partition(":")[0] for volume in given.get("volumes", ()) if not volume.startswith("./")}
        networks |= set(given["networks"])
        secrets |= {secret if isinstance(secret, str) else secret["source"] for secret in given.get("secrets", ())}
        assert set(given.get("depends_on", ())) <= set(COMPOSE[file]["services"])
    assert (volumes, networks, secrets) == tuple(
        set(COMPOSE[file][part]) for part in ("volumes", "networks", "secrets")
    )


def test_mounted_files_exist_and_are_read_only() -> None:
    for given in COMPOSE["compose.yaml"]["services"].values():
        for volume in given.get("volumes", ()):
            source, mode = volume.split(":")[0], volume.split(":")[-1]
            assert not source.startswith("./") or ((ROOT / source).exists() and mode == "ro")


def test_the_proxy_alone_is_published() -> None:
    published = {
        name: given["ports"] for name, given in COMPOSE["compose.yaml"]["services"].items() if "ports" in given
    }
    assert published.pop("proxy") == ["80:8080", "443:8443"]
    assert set(published) == {"prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert service("compose.single.yaml", "latchkey")["ports"] == ["127.0.0.1:8000:8000"]


@pytest.mark.parametrize(
    ("file", "name", "network"),
    [
        ("compose.single.yaml", "postgresql", "back"),
        ("compose.yaml", "postgresql", "data"),
        ("compose.yaml", "valkey", "data"),
    ],
)
def test_what_is_kept_is_out_of_reach(file: str, name: str, network: str) -> None:
    assert list(service(file, name)["networks"]) == [network]
    assert COMPOSE[file]["networks"][network]["internal"] is True


def test_only_the_steward_reaches_the_world() -> None:
    inner = {name for name, network in COMPOSE["compose.yaml"]["networks"].items() if network.get("internal")}
    assert inner == {"nodes", "data"}
    for name in (*NODES, "migrate"):
        assert set(many(name)["networks"]) <= inner
    assert set(many("steward")["networks"]) - inner == {"out"}


def test_nodes_differ_only_in_their_place() -> None:
    """And have a directory each: a second server on one is refused."""
    first, second = ({**many(name), "volumes": None, "networks": None, "hostname": None} for name in NODES)
    assert first == second
    assert {many(name)["volumes"][0] for name in NODES} == {"web1:/data", "web2:/data"}
    assert [many(name)["hostname"] for name in NODES] == list(NODES)


def test_one_job_migrates_before_any_node_starts() -> None:
    assert many("migrate")["entrypoint"] == ["python", "manage.py", "migrate"]
    for name in (*NODES, "steward"):
        assert many(name)["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert many(name)["depends_on"]["valkey"] == {"condition": "service_healthy"}
        assert not [argument for argument in many(name)["entrypoint"] if "first-start" in argument]
        assert ("--no-steward" in many(name)["entrypoint"]) is (name != "steward")


def test_nodes_trust_only_the_proxy() -> None:
    site = (ROOT / "deploy" / "proxy" / "nodes.conf").read_text()
    for name in NODES:
        assert site.count(f"server {address(name)}:8000 ") == 4
        assert many(name)["environment"]["TRUSTED_PROXIES"] == address("proxy")
    (pool,) = COMPOSE["compose.yaml"]["networks"]["nodes"]["ipam"]["config"]
    fixed = [ipaddress.ip_address(address(name)) for name in (*NODES, "proxy")]
    assert all(place in ipaddress.ip_network(pool["subnet"]) for place in fixed)
    assert not [place for place in fixed if place in ipaddress.ip_network(pool["ip_range"])]


def test_prometheus_scrapes_nodes_by_allowed_host() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "nodes.yml").read_text())
    (job,) = config["scrape_configs"]
    ((targets,),) = (entry.values() for entry in job["static_configs"])
    names = [target.removesuffix(":8000") for target in targets]
    assert names == [*NODES, "steward"]
    for name in names:
        assert set(names) < set(many(name)["environment"]["ALLOWED_HOSTS"].split(","))
        assert "nodes" in many(name)["networks"]
    (secret,) = many("prometheus")["secrets"]
    assert secret["target"] == f"/etc/prometheus/{job['authorization']['credentials_file']}"
    assert secret["target"].rpartition("/")[0] == "/etc/prometheus"
