"""compose.yaml gives its services no right that they do not need, and names no secret."""

from typing import Any

import pytest
import yaml

from tests.server.running import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service["user"].startswith(("0", "root"))
    assert not service.keys() & {"privileged", "pid", "ipc", "network_mode", "devices", "env_file"}
    assert service["healthcheck"]["test"]
    assert service["mem_limit"]
    assert service["pids_limit"]


def test_secrets_are_files() -> None:
    assert all(list(secret) == ["file"] for secret in COMPOSE["secrets"].values())
    for service in SERVICES.values():
        given = service["environment"]
        assert not [
            name
            for name in given
            if "SECRET" in name or "PEPPER" in name or name.endswith(("PASSWORD", "DATABASE_URL"))
        ]


def test_every_name_is_declared() -> None:
    for service in SERVICES.values():
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"])
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        used = {secret if isinstance(secret, str) else secret["source"] for secret in service["secrets"]}
        assert used <= set(COMPOSE["secrets"])
        assert set(service.get("depends_on", ())) <= set(SERVICES)


def test_the_database_is_out_of_reach_and_the_server_on_loopback() -> None:
    assert "ports" not in SERVICES["postgresql"]
    assert SERVICES["postgresql"]["networks"] == ["back"]
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert SERVICES["latchkey"]["ports"] == ["127.0.0.1:8000:8000"]
