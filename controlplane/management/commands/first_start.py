"""manage.py first_start: an administrator and a first key, once."""

import fcntl
import secrets
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction

from access.roles import Role
from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from events.origin import Origin

ADMINISTRATOR: Final = "admin"


class Command(BaseCommand):
    """Makes what a new installation needs to be used, and shows it this once; later it brings the database up to date.

    One process at a time: of two that start at once on a DATA_DIR, the second finds everything made.
    """

    help = "Migrate the database; on a new installation make an administrator and a first key, and show them once."

    def handle(self, *args: Any, **options: Any) -> None:
        with (settings.DATA_DIR / "first-start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            call_command("migrate", verbosity=0)
            self._make_first()

    def _make_first(self) -> None:
        users = get_user_model()
        with transaction.atomic():
            if users._default_manager.exists() or APIKey.objects.filter(system=False).exists():
                return
            password = secrets.token_urlsafe(18)
            first = users._default_manager.create_superuser(ADMINISTRATOR, password=password)
            first.groups.set(Group.objects.filter(name=Role.ADMINISTRATOR))
            service = ConfigService(Origin.of_command("first_start"))
            credential = service.issue({"label": "first key", "owner": ADMINISTRATOR, "scopes": ["*"]}).credential
            # Within the transaction: what could not be shown is not kept, and the next start makes it anew.
            self.stdout.write(_welcome(password, credential.reveal()))
            self.stdout.flush()


def _welcome(password: str, credential: str) -> str:
    return f"""
  Made for this new installation, and shown this once:

    Admin      {settings.PUBLIC_URL}/admin/
    Name       {ADMINISTRATOR}
    Password   {password}
    First key  {credential}

  Try it, once the server says that it serves:

    curl -i -u {credential} {settings.PUBLIC_URL}/v1/whoami
"""
