"""What compose.yaml starts works together: nodes that wait for the migrations, share limits, and outlive Valkey."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.composed import SERVICES, VALKEY, Composed
from tests.support.ports import free_port
from tests.support.postgresql import drop_database, new_database

pytestmark = [
    pytest.mark.slow("runs several servers"),
    pytest.mark.needs("postgresql"),
    pytest.mark.skipif(VALKEY is None, reason="neither Valkey nor Redis is installed"),
]
BURST = 6


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[Composed]:
    made = Composed(tmp_path, new_database())
    made.make_secrets()
    try:
        made.start_valkey()
        yield made
    finally:
        made.stop()
        drop_database(made.database_url)


def test_composed_services_work_together(composed: Composed) -> None:
    early = composed.run("web1", composed.entrypoint("web1", free_port()))
    assert (early.returncode, "unapplied migrations" in early.stderr) == (2, True)
    assert composed.run("migrate", SERVICES["migrate"]["entrypoint"]).returncode == 0
    for name in ("web1", "web2", "steward"):
        composed.start_node(name)

    first = composed.run("web1", ["python", "manage.py", "first_start"])
    credential = first.stdout.partition("First key")[2].split()[0]
    assert composed.ask("web2", "/v1/whoami", credential).status_code == 200
    assert composed.run("web2", ["python", "manage.py", "first_start"]).stdout == ""

    issue = ["python", "manage.py", "issue_key", "--label", "shared", "--burst", str(BURST), "--per-seconds", "86400"]
    issued = composed.run("web1", issue).stdout
    shared = next(line.split()[1] for line in issued.splitlines() if line.startswith("credential"))
    asked = [composed.ask(name, "/v1/whoami", shared).status_code for name in ("web1", "web2") * (BURST // 2 + 1)]
    assert asked == [200] * BURST + [429, 429]

    for name in composed.ports:
        checked = composed.run(name, SERVICES[name]["healthcheck"]["test"][1:])
        assert (checked.returncode, checked.stderr) == (0, "")
        assert composed.ask(name, "/metrics", credential).status_code == 200

    composed.processes["valkey"].kill()
    assert composed.ask("web1", "/v1/whoami", shared).status_code == 200  # by this node's own bucket
    status = composed.stop()
    assert {name: status[name] for name in composed.ports} == dict.fromkeys(composed.ports, 0)
    assert not [name for name in composed.ports if credential in composed.log(name)]
