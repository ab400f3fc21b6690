"""Pages of keys in the admin, and helpers that submit their forms."""

import re
from typing import Any

from django.test import Client

from apikeys.models import APIKey

LIST = "/admin/apikeys/apikey/"
ISSUE = {
    "label": "billing", "owner": "payments", "scopes": "orders:read\norders:write", "burst": "5", "per_seconds": "60",
    "lifetime_days": "90", "metadata": '{"team": 7}',
}  # fmt: skip
EDIT = {"label": "root", "owner": "", "scopes": '["*"]', "metadata": "{}", "known_epoch": "1", "expires_at": ""}
PAGES = ("change", "rotate", "finish", "limit", "enable", "revoke")
FORMS = {
    "limit": {"burst": "7", "per_seconds": "9"},
    "rotate": {"grace_seconds": "0"},
    "finish": {"anyway": "on"},
    "enable": {"enabled": "no"},
    "revoke": {"confirm": "on"},
}


def path(key: APIKey, page: str = "change") -> str:
    return f"{LIST}{key.key_id}/{page}/"


def token(admin: Client, page: str) -> str:
    """Return the token of a single-use form."""
    found = re.search(r'name="once" value="([^"]+)"', admin.get(page).content.decode())
    assert found
    return found.group(1)


def send(admin: Client, key: APIKey, page: str, **values: str) -> Any:
    """Send the form of a page that was opened just now."""
    return admin.post(path(key, page), {"known_epoch": APIKey.objects.get(pk=key.pk).epoch, **values})


def issue(admin: Client, **values: str) -> Any:
    return admin.post(f"{LIST}add/", {**ISSUE, "once": token(admin, f"{LIST}add/"), **values})


def rotate(admin: Client, key: APIKey, grace: str = "86400", once: str | None = None) -> Any:
    return send(admin, key, "rotate", grace_seconds=grace, once=once or token(admin, path(key, "rotate")))


def secrets_in(response: Any) -> list[str]:
    return sorted(set(re.findall(r"lk_[0-9a-z]{12}:lks_[0-9A-Za-z]{49}", response.content.decode())))
