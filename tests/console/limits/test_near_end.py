"""Quotas near their end on the overview."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.models import QuotaUse
from apikeys.policies.effective import key_counter
from console.limits.near_end import quotas_near_end
from ratelimit.plan_limit import parse_plan_limits
from tests.console.limits.forms import create_owner, create_plan, policies
from tests.console.limits.test_owners import write_use

pytestmark = pytest.mark.django_db
DAILY = {"name": "daily", "quota": {"quota": 10, "per": "day"}}


def test_fullest_quotas_come_first(admin: Client, service: ConfigService) -> None:
    create_plan()
    for name, used in (("almost", 800), ("over", 1200), ("half", 500)):
        write_use(create_owner(name), used)
    create_plan("small", DAILY)
    key = service.issue({"label": "robot", "plan": "small"}).key
    ends_s = int((timezone.now() + timedelta(hours=1)).timestamp())
    (limit,) = parse_plan_limits([DAILY])
    QuotaUse.objects.create(
        counter=key_counter(key.key_id, "daily").decode(), definition=limit.definition, ends_s=ends_s, used=9,
        quota=10, told=80, updated_at=timezone.now(),
    )  # fmt: skip
    found = quotas_near_end(timezone.now())
    assert [(one.name, one.quota.limit, one.quota.left) for one in found] == [
        ("over", "monthly", 0),
        ("robot", "daily", 1),
        ("almost", "monthly", 200),
    ]
    page = admin.get("/admin/").content.decode()
    for text in ("Quotas near their end", "/admin/apikeys/owner/almost/change/", "100 %", "90 %"):
        assert text in page
    assert quotas_near_end(timezone.now() + timedelta(hours=2))[1].name == "almost", "that of the key has ended"


def test_quota_that_is_gone_is_left_out(service: ConfigService) -> None:
    create_plan()
    write_use(create_owner(), 900)
    policies().change_plan("team", {"limits": [DAILY]})
    assert quotas_near_end(timezone.now()) == []


def test_larger_quota_is_not_near_its_end(service: ConfigService) -> None:
    create_plan()
    write_use(create_owner(), 900)
    values = {"owner": "acme", "limit": "monthly", "quota": 5000, "until": "2099-01-01T00:00:00Z"}
    policies().grant_override(values)
    assert quotas_near_end(timezone.now()) == []


def test_overview_shows_them_to_those_who_may_see_owners(client: Client) -> None:
    user = User.objects.create_user("vi", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    client.force_login(user)
    assert "Quotas near" not in client.get("/admin/").content.decode()
    user.user_permissions.add(Permission.objects.get(codename="view_owner"))
    assert "None: less than 80 % is used of each." in client.get("/admin/").content.decode()
