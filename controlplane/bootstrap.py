"""`python -m controlplane.bootstrap`: creates SECRET_KEY and the first pepper in DATA_DIR, once.

It runs before Django, which does not start without them.
"""

import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from controlplane.environment import SECRETS_FILE, Environment
from controlplane.places import BASE_DIR, home_dir
from controlplane.processes.children import STOP_SIGNALS
from latchkey.cli.exit_codes import REFUSED


def create_secrets(data_dir: Path) -> bool:
    """Create `secrets.env` (mode 0600) in `data_dir`, unless it exists. Return whether it was created."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / SECRETS_FILE
    if path.exists():
        return False
    # mkstemp uses mode 0600. The draft is linked when it is complete, so an interrupted start leaves no partial file.
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=data_dir)
    draft = Path(name)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"SECRET_KEY={secrets.token_urlsafe(48)}\nSECRET_PEPPERS=p1:{secrets.token_hex(32)}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # Race condition: another start may have created the file meanwhile. Unlike a rename, a link never replaces it.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def main(arguments: Sequence[str]) -> int:
    """Create the secrets in DATA_DIR and print their path, never their values. Return the exit status.

    Arguments after `--serve` are passed to `manage.py serve`, which then replaces this process, so that it gets
    the signals.
    """
    os.umask(0o077)
    try:
        data_dir = Environment(home_dir()).data_dir
    except ImproperlyConfigured as error:
        print(f"latchkey: {error}", file=sys.stderr)
        return REFUSED
    try:
        created = create_secrets(data_dir)
    except OSError as error:
        print(f"latchkey: DATA_DIR: {data_dir} cannot be written: {error.strerror}.", file=sys.stderr)
        return REFUSED
    if created:
        print(
            f"Created SECRET_KEY and a pepper in {data_dir / SECRETS_FILE} (mode 0600). Back up this file.", flush=True
        )
    if arguments[:1] == ["--serve"]:
        # The first process of a container ignores signals that it has no handler for. Block them until `serve` has one.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        serve = [sys.executable, str(BASE_DIR / "manage.py"), "serve", *arguments[1:]]
        os.execv(sys.executable, serve)  # noqa: S606 - our own command
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
