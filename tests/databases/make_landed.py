"""python -m tests.databases.make_landed NAME: write the dump of a database that this version made, to `landed/`.

NAME is the commit. DATABASE_URL names an empty database; run it once for each kind. Times and ids are fixed: with
PYTHONHASHSEED=0 a version makes the same dump each time.
"""

import os
import random
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import django

from tests.databases.dumping import of_postgresql, of_sqlite
from tests.databases.landed import DUMPS, PASSWORD, PEPPERS, RECOVERY_CODE, SECRET_KEY, TOTP_KEY, secret

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FAR = {"expires_at": "2126-01-01T00:00:00Z"}


def fill() -> None:
    """Let keys, webhooks, waivers, users and usage come about as they do in use."""
    from apikeys.config_service import ConfigService
    from apikeys.models import KeySecret, Usage, UsageMark, UsageSource, UsageTotal
    from apikeys.peppers import configured_peppers
    from events.origin import Origin
    from events.webhooks.service import WebhookService
    from health.waivers import Waivers

    origin = Origin("command:make", "request-of-make")
    keys = ConfigService(origin, now=lambda: NOW)
    names = {"root": ["*"], "rotating": [], "disabled": [], "revoked": ["orders:read"], "unlimited": []}
    issued = {}
    for name, scopes in names.items():
        limit = None if name == "unlimited" else {"burst": 5, "per_seconds": 60}
        values = {"label": f"key {name}", "owner": "Zoë", "scopes": scopes, "rate_limit": limit, "metadata": {"n": 1}}
        with mock.patch("apikeys.config_service.generate_secret", return_value=secret(name)):
            issued[name] = keys.issue({**values, **FAR}).key
    with mock.patch("apikeys.config_service.generate_secret", return_value=secret("rotated")):
        ConfigService(origin, now=lambda: NOW + DAY).rotate(issued["rotating"].key_id, {"grace_seconds": 2592000})
    KeySecret.objects.filter(state="retiring").update(expires_at="2126-01-01T00:00:00Z")
    keys.update(issued["disabled"].key_id, {"enabled": False})
    keys.revoke(issued["revoked"].key_id)
    source = UsageSource.objects.create(generation="g" * 32, seen_at=NOW)
    for number, key in enumerate(issued.values(), 1):
        UsageMark.objects.create(key=key, source=source, allowed=number * 1000, throttled=number)
        for step in ("minute", "hour", "day"):
            Usage.objects.create(key=key, step=step, start=NOW - DAY, allowed=number * 1000, throttled=number)
    UsageTotal.objects.create(step="day", start=NOW - DAY, allowed=15000, throttled=15)
    webhooks = WebhookService(origin, configured_peppers(), lambda: NOW)
    webhook = webhooks.add({"url": "https://hooks.example/latchkey", "label": "pager"})
    webhooks.rotate_secret(webhook.endpoint.endpoint_id)
    waiver = {"guard_rail": "unlimited_key", "reason": "a load test", "ends_at": "2027-11-01T00:00:00Z"}
    Waivers(origin, now=lambda: NOW).grant(waiver)
    make_user()


def make_user() -> None:
    """Make an administrator with an authenticator and a recovery code."""
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User
    from django_otp.plugins.otp_static.models import StaticDevice
    from django_otp.plugins.otp_totp.models import TOTPDevice

    from access.recovery_codes import code_digest

    password = make_password(PASSWORD, salt="0123456789abcdef")
    ada = User.objects.create(username="ada", password=password, is_staff=True, is_superuser=True, date_joined=NOW)
    TOTPDevice.objects.create(user=ada, name="authenticator", key=TOTP_KEY, confirmed=True)
    codes = StaticDevice.objects.create(user=ada, name="recovery codes")
    codes.token_set.create(token=code_digest(ada, RECOVERY_CODE))
    for kind in (TOTPDevice, StaticDevice):
        kind.objects.update(created_at=NOW)


def main(name: str) -> None:
    """Migrate, fill, and write the dump."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "controlplane.settings", "SECRET_KEY": SECRET_KEY, "SECRET_PEPPERS": PEPPERS,
        "BUCKET_STORE_URL": "memory://",
    }  # fmt: skip
    chance = random.Random(7)
    mock.patch.object(secrets, "choice", chance.choice).start()
    mock.patch.object(secrets, "token_hex", lambda size: chance.randbytes(size).hex()).start()
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from health.models import Incident

    call_command("migrate", verbosity=0)
    fill()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET applied = %s", [connection.ops.adapt_datetimefield_value(NOW)])
    Incident.objects.update(opened_at=NOW)
    settings = connection.settings_dict
    connection.close()
    if connection.vendor == "sqlite":
        lines = of_sqlite(Path(settings["NAME"]))
    else:
        connection.close_pool()  # type: ignore[attr-defined]
        lines = of_postgresql(os.environ["DATABASE_URL"])
    DUMPS.mkdir(exist_ok=True)
    (DUMPS / f"{name}-{connection.vendor}.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
