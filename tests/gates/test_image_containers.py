"""The gates that run an image can fail, as faults show that are planted in what it does."""

from collections.abc import Iterator

import pytest

from gates.image import configuration, health_check, rights, service
from gates.image.commands import ImageError, run
from gates.image.container import RESTRAINTS, containers
from gates.image.shipped import Shipped
from tests.gates.image import Plant, said

pytestmark = [pytest.mark.needs("images"), pytest.mark.slow("builds and runs container images")]

# More than the cache holds goes to a file, as it does where a migration writes a table anew.
SORTS_ON_DISK = """
import sqlite3
connection = sqlite3.connect("/data/some.sqlite3")
connection.executescript("PRAGMA temp_store = FILE; PRAGMA cache_size = 10; PRAGMA temp.cache_size = 10")
numbers = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
connection.execute(f"CREATE TEMP TABLE much AS {numbers} SELECT i, randomblob(100) FROM n")
"""


@pytest.fixture(autouse=True)
def beside_others() -> Iterator[None]:
    """Other tests run beside these. How fast an image starts is judged by the gate itself, which runs alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(health_check, "COLD_START_SECONDS", 60.0)
        yield


def test_container_with_rights_it_does_not_need(image: Shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gates.image.container.RESTRAINTS", ("--cap-add", "NET_RAW"))
    told = said(rights.rights(image))
    assert "NoNewPrivs is 0" in told
    assert "CapBnd" in told


def test_place_that_can_be_written_and_is_not_needed(image: Shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gates.image.container.RESTRAINTS", (*RESTRAINTS, "--tmpfs", "/tmp"))
    assert said(rights.rights(image)) == "/tmp can be written"


def test_sqlite_needs_no_tmp(image: Shipped) -> None:
    with containers(image.engine) as start:
        sleeping = start(image.image, options=["--entrypoint", "sleep"], command=["60"])
        sleeping.python(SORTS_ON_DISK)
        without = ["--entrypoint", "sleep", "--env", "SQLITE_TMPDIR="]
        with pytest.raises(ImageError, match=r"unable to open database file|disk I/O error"):
            start(image.image, options=without, command=["60"]).python(SORTS_ON_DISK)


def test_health_check_that_cannot_be_asked(image: Shipped) -> None:
    with containers(image.engine) as start:
        container = start(image.image, options=["--entrypoint", "sleep"], command=["60"])
        container.stop(0)
        with pytest.raises(ImageError, match="the health check ended with"):
            container.healthy()


def test_health_check_that_always_holds(plant: Plant) -> None:
    careless = plant('HEALTHCHECK --interval=10m --timeout=30s --retries=50 CMD ["true"]')
    told = said(configuration.configuration(careless))
    for fault in (
        "its health check is",
        "Interval of its health check is 600 s",
        "Timeout of its health check is 30 s",
    ):
        assert fault in told
    assert said(health_check.health_check(careless)) == "holds before the server serves"


def test_health_check_that_asks_too_little(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_check, "LOOKS", 3)  # each of them holds
    connects = "import socket; socket.create_connection(('127.0.0.1', 8000))"
    told = said(health_check.health_check(plant(f'HEALTHCHECK CMD ["python", "-c", "{connects}"]')))
    assert told.splitlines() == ["holds with a revoked key", "holds without a database"]


def test_image_that_forgets_buckets_and_stops_at_once(plant: Plant) -> None:
    start = 'ENTRYPOINT ["/bin/sh", "-c", "rm -rf /data/buckets; exec {}", "sh"]'
    serve = 'python -m controlplane.bootstrap --serve --first-start-file /data/first-start.txt \\"$@\\"'
    forgetful = plant(start.format(serve), 'CMD ["--bind", "0.0.0.0:8000"]', "STOPSIGNAL SIGKILL")
    assert "its stop signal is" in said(configuration.configuration(forgetful))
    assert "the empty bucket answers 200" in said(service.restart(forgetful))
    assert "in flight" in said(service.stopping(forgetful))


def test_first_start_that_writes_its_secrets_to_the_log(plant: Plant) -> None:
    talkative = plant(
        'ENTRYPOINT ["/bin/sh", "-c", "(until cat /data/first-start.txt; do sleep 0.1; done) & exec python -m controlplane.bootstrap '
        '--serve --first-start-file /data/first-start.txt \\"$@\\"", "sh"]',
        'CMD ["--bind", "0.0.0.0:8000"]',
    )
    assert "its entry point is /bin/sh" in said(configuration.configuration(talkative))
    told = said(service.story(talkative))
    assert "a secret stands in the log" in told


def test_containers_and_volumes_are_removed(image: Shipped) -> None:
    with containers(image.engine) as start:
        container = start(image.image, options=["--entrypoint", "sleep"], command=["60"])
        assert container.inspected()["State"]["Running"]
    listed = run([*image.engine.run, "ps", "--all", "--quiet"]) + run([*image.engine.run, "volume", "ls", "--quiet"])
    assert container.name not in listed
