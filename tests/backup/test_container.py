"""Commands of docs/how-to/back-up-and-restore.md, in containers of the released image."""

import re
from uuid import uuid4

import pytest

from deploy.image.commands import run
from deploy.image.engine import engine
from tests.backup.installation import DATABASES
from tests.release.image.building import built
from tests.release.image.container import RESTRAINTS, containers
from tests.support.commands import ROOT
from tests.support.ports import free_port
from tests.support.postgresql import drop_database, new_database

pytestmark = [pytest.mark.needs("images"), pytest.mark.slow("builds and runs container images")]
PAGE = (ROOT / "docs" / "how-to" / "back-up-and-restore.md").read_text().replace("\\\n", "")


def documented(pattern: str) -> list[str]:
    """The words of a command as the page has them."""
    (found,) = set(re.findall(pattern, PAGE))
    return str(found).split()


@pytest.mark.parametrize("database", DATABASES)
def test_documented_backup_and_restore(database: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Run both next to a running server, and in a separate container once the server is stopped."""
    url = new_database() if database == "postgresql" else ""
    given = ["--env", f"DATABASE_URL={url}"]
    volume = f"latchkey-{uuid4().hex[:12]}"
    try:
        image = built(tmp_path_factory)
        with containers(engine(), image) as start:
            bind = ["--bind", f"127.0.0.1:{free_port()}"]
            server = start(*given, network="host", volume=volume, command=bind)
            server.await_health()
            key_id = server.manage("issue_key", "--label", "a key")["key_id"]
            server.execute(*documented(r"podman exec latchkey (python manage.py backup \S+)`"))
            server.manage("revoke_key", key_id, "--yes")
            server.stop(30)
            alone = ["run", "--rm", *RESTRAINTS, *engine().limits, "--network", "host", "--volume", f"{volume}:/data"]
            words = documented(
                r"podman run --rm .* --entrypoint python latchkey:\S+ (manage.py restore +\S+ --replace)\n"
            )
            message = run([*engine().run, *alone, *given, "--entrypoint", "python", image, *words])
            assert f"Revoked or disabled keys that work again: {key_id}" in message
            run([*engine().run, "start", server.name])
            server.await_health()
            assert server.manage("show_key", key_id)["state"] == "active"
    finally:
        if url:
            drop_database(url)
