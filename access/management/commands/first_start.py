"""manage.py first_start: creates an administrator and a first key, once."""

import os
import secrets
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from access.roles import Role
from apikeys.config_service import ConfigService
from apikeys.credential_fields import curl_option
from apikeys.models import APIKey
from events.origin import Origin
from health.node.start_lock import hold_database_lock, hold_file_lock
from latchkey.cli.exit_codes import REFUSED
from latchkey.credentials import Credential
from ratelimit.checks import SETTINGS

ADMINISTRATOR: Final = "admin"
LIFETIME: Final = timedelta(days=365)
"""How long the first key works. From 14 days before its end on, a guard rail says so."""


class Command(BaseCommand):
    """Command that sets up a new installation and shows its secrets once. On an existing one it only migrates.

    It holds a lock: if two processes start at the same time, the second one finds everything done.
    """

    requires_system_checks = [SETTINGS]
    help = "Migrate the database. On a new installation, create an administrator and a first key, and show them once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--file",
            type=Path,
            metavar="FILE",
            help="write them to this new file, mode 0600, instead of the output",
        )
        parser.add_argument("--socket", default="", metavar="PATH", help="the Unix socket that the server listens on")

    def handle(self, *args: Any, **options: Any) -> None:
        with hold_file_lock(settings.DATA_DIR / "first-start.lock", self._inform), hold_database_lock(self._inform):
            call_command("migrate", verbosity=0)
            self._create_first(options["file"], options["socket"])

    def _inform(self, text: str) -> None:
        # style_func=str: this is information, so it is not colored like an error.
        self.stderr.write(text, style_func=str)
        self.stderr.flush()

    def _create_first(self, file: Path | None, socket: str) -> None:
        users = get_user_model()
        with transaction.atomic():
            if users._default_manager.exists() or APIKey.objects.filter(system=False).exists():
                return
            password = secrets.token_urlsafe(18)
            first = users._default_manager.create_superuser(ADMINISTRATOR, password=password)
            first.groups.set(Group.objects.filter(name=Role.ADMINISTRATOR))
            service = ConfigService(Origin.of_command("first_start"))
            # A key that never expires would be the first incident of a new installation.
            values = {
                "label": "first key",
                "owner": ADMINISTRATOR,
                "scopes": ["*"],
                "expires_at": timezone.now() + LIFETIME,
            }
            credential = service.issue(values).credential
            # Within the transaction: if the secrets can't be shown, they are rolled back and created at the next start.
            self._show(_welcome(password, credential, socket), file)

    def _show(self, welcome: str, file: Path | None) -> None:
        if file is not None:
            _write(welcome, file)
            welcome = f"Created an administrator and a first key. Read {file} (mode 0600), then delete it."
        self.stdout.write(welcome)
        # `serve` continues in this process for a long time, and may be killed without flushing.
        self.stdout.flush()


def _write(shown_once: str, file: Path) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            os.fchmod(descriptor, 0o600)
            written.write(shown_once)
            written.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise CommandError(f"--file: {file} cannot be written: {error.strerror}.", returncode=REFUSED) from None


def _welcome(password: str, credential: Credential, socket: str) -> str:
    # The proxy in front of the socket may not exist yet.
    server = f"--unix-socket {shlex.quote(socket)} http://{urlsplit(settings.PUBLIC_URL).netloc}" if socket else ""
    return f"""
  Created for this new installation, and shown only once:

    Admin      {settings.PUBLIC_URL}/admin/
    Name       {ADMINISTRATOR}
    Password   {password}
    First key  {credential.reveal()}
    One token  {credential.reveal_as_one_token()}  (the same key)

  Try it once the server is running:

    curl -i {curl_option(credential)} {server or settings.PUBLIC_URL}/v1/whoami
"""
