"""Base class of the backup commands: exit statuses, and how a backup is displayed."""

from typing import Any

from django.core.management.base import CommandError

from apikeys.management.key_command import KeyCommand
from backup.errors import BackupFailed, BackupRefused
from backup.manifest import Manifest
from latchkey.cli.exit_codes import COULD_NOT, REFUSED


class BackupCommand(KeyCommand):
    """Command that exits with 2 if the request is not allowed and with 3 if it failed, with a one-line message."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except BackupRefused as error:
            raise CommandError(str(error), returncode=REFUSED) from None
        except BackupFailed as error:
            raise CommandError(str(error), returncode=COULD_NOT) from None
        # The reader of the output has closed it. `controlplane.command_line` handles that.
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise CommandError(f"Failed: {where}{error.strerror or error}.", returncode=COULD_NOT) from None


def manifest_row(manifest: Manifest) -> dict[str, object]:
    """Return a backup's main facts as a few fields."""
    return {
        "made_at": manifest.made_at,
        "version": manifest.version,
        "database": manifest.database,
        "keys": manifest.keys,
        "last_event": manifest.last_event,
        "digest": manifest.digest,
        "peppers": ", ".join(manifest.peppers) or None,
        "buckets": "yes" if manifest.generation is not None else "none",
        "bytes": sum(file.size for file in manifest.files.values()),
    }
