"""`python -m controlplane.bootstrap`: makes SECRET_KEY and the first pepper, once, in DATA_DIR.

Runs before Django does, as Django does not start without them.
"""

import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured

from controlplane.environment import SECRETS_FILE, Environment
from controlplane.server.processes import STOPPING

BASE_DIR: Final = Path(__file__).resolve().parent.parent


def make_secrets(data_dir: Path) -> bool:
    """Writes `secrets.env` in `data_dir`, mode 0600, unless it is there. Returns whether it was made now.

    The file appears whole or not at all, so that a start that is interrupted leaves no half of it.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / SECRETS_FILE
    if path.exists():
        return False
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=data_dir)  # mode 0600
    draft = Path(name)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"SECRET_KEY={secrets.token_urlsafe(48)}\nSECRET_PEPPERS=p1:{secrets.token_hex(32)}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike a rename, a link never replaces what another start has just made
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def main(arguments: Sequence[str]) -> int:
    """Makes the secrets where DATA_DIR says; says where, and never what. What follows `--serve` are the arguments of
    `manage.py serve`, which then takes this process's place, so that signals reach it.
    """
    os.umask(0o077)
    try:
        data_dir = Environment(BASE_DIR).data_dir
    except ImproperlyConfigured as error:
        print(f"latchkey: {error}", file=sys.stderr)
        return 2
    try:
        made = make_secrets(data_dir)
    except OSError as error:
        print(f"latchkey: DATA_DIR: {data_dir} cannot be written: {error.strerror}.", file=sys.stderr)
        return 2
    if made:
        print(f"Made SECRET_KEY and a pepper in {data_dir / SECRETS_FILE} (mode 0600). Back this file up.", flush=True)
    if arguments[:1] == ["--serve"]:
        # A first process of a container ignores signals that it does not handle. They wait for `serve`, which does.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        serve = [sys.executable, str(BASE_DIR / "manage.py"), "serve", *arguments[1:]]
        os.execv(sys.executable, serve)  # noqa: S606 - our own command
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
