"""Last use of keys and secrets, as if the steward had written it."""

from datetime import datetime

from apikeys.models import APIKey, KeySecret, UsageMark
from apikeys.usage.high_water_marks import archive


def set_last_use(key: APIKey, used_at: datetime, *, slot: int = 0, first_at: datetime | None = None) -> None:
    """Set when the secret in this slot was last used, and when for the first time: it is at least as old."""
    if first_at is not None:
        KeySecret.objects.filter(key=key, slot=slot, created_at__gt=first_at).update(created_at=first_at)
    times = {f"used_{slot}_at": used_at, f"first_{slot}_at": first_at}
    UsageMark.objects.update_or_create(key=key, source=archive(), defaults=times)


def set_secret_use(secret: KeySecret, used_at: datetime, first_at: datetime | None = None) -> None:
    """Set when a secret was last used, and when for the first time."""
    set_last_use(secret.key, used_at, slot=secret.slot, first_at=first_at)
