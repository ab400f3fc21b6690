"""Pages that rotate a key."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apikeys.config_service import IssuedKey
from apikeys.models import KeySecret, Usage, UsageStep
from apikeys.usage.steps import step_start
from ratelimit.limiter import default_limiter
from tests.conftest import Caller
from tests.console.keys.pages import path, rotate, secrets_in, send, token
from tests.support.last_use import set_secret_use

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_rotation_from_start_to_end(admin: Client, root: IssuedKey) -> None:
    old, once = root.credential.reveal(), token(admin, path(root.key, "rotate"))
    (new,) = secrets_in(rotate(admin, root.key, once=once))
    assert rotate(admin, root.key, once=once).status_code == 409
    assert [Caller(credential).get("/v1/whoami").status_code for credential in (old, new)] == [200, 200]
    page = admin.get(path(root.key)).content.decode()
    assert "Rotation in progress" in page
    assert "Not ready to finish" in admin.get(path(root.key, "drain")).content.decode()
    asked = send(admin, root.key, "finish")
    assert "used within the last hour" in str(asked.context["form"].errors)
    assert KeySecret.objects.count() == 2
    assert send(admin, root.key, "finish", anyway="on").status_code == 302
    assert [Caller(credential).get("/v1/whoami").status_code for credential in (old, new)] == [401, 200]


def test_finish_with_unused_new_secret_needs_confirmation(admin: Client, root: IssuedKey) -> None:
    rotate(admin, root.key)
    hours_ago = timezone.now() - timedelta(hours=5)
    Usage.objects.create(key=root.key, step="hour", start=step_start(UsageStep.HOUR, hours_ago), allowed=1234)
    set_secret_use(KeySecret.objects.get(state="retiring"), hours_ago, first_at=hours_ago)
    shown = admin.get(path(root.key)).content.decode() + admin.get(path(root.key, "drain")).content.decode()
    assert (shown.count("Not ready to finish"), shown.count("Ready to finish")) == (2, 0)
    page = admin.get(path(root.key, "finish")).content.decode()
    for text in ("The new secret has never been used", "5 hours ago", "1,234, none of them with the new secret"):
        assert text in page
    asked = send(admin, root.key, "finish")
    assert "has never been used. To end the old secret" in str(asked.context["form"].errors)
    assert KeySecret.objects.count() == 2
    send(admin, root.key, "finish", anyway="on")
    assert KeySecret.objects.count() == 1


def test_drained_rotation_finishes_without_confirmation(admin: Client, root: IssuedKey) -> None:
    rotate(admin, root.key)
    used_at = timezone.now()
    set_secret_use(KeySecret.objects.get(state="active"), used_at, first_at=used_at - timedelta(hours=1))
    assert "Ready to finish" in admin.get(path(root.key, "drain")).content.decode()
    assert "anyway" not in admin.get(path(root.key, "finish")).context["form"].fields
    assert send(admin, root.key, "finish").status_code == 302
    assert KeySecret.objects.count() == 1


def test_second_rotation_is_rejected_unless_it_ends_all(admin: Client, root: IssuedKey) -> None:
    rotate(admin, root.key)
    refused = rotate(admin, root.key)
    assert (refused.status_code, secrets_in(refused)) == (200, [])
    assert "still retiring" in str(refused.context["form"].errors)
    assert len(secrets_in(rotate(admin, root.key, grace="0"))) == 1
    assert KeySecret.objects.count() == 1


def test_drain_reads_last_use_from_the_store(admin: Client, root: IssuedKey) -> None:
    rotate(admin, root.key)
    assert admin.post(path(root.key, "drain"), {}).status_code == 405
    assert "<strong>never</strong>" in admin.get(path(root.key, "drain")).content.decode()
    for slot in (0, 1):
        default_limiter().take(root.key.key_id, None, cost=1, epoch=2, slot=slot)
    assert "never" not in admin.get(path(root.key, "drain")).content.decode()
