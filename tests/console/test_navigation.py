"""The sections that every page links to."""

import re

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from apikeys.config_service import ConfigService

pytestmark = pytest.mark.django_db
ALL = ["Overview", "Keys", "Owners", "Plans", "Incidents", "Guard rails", "Events", "Webhooks", "Access"]


def sections(page: str) -> list[str]:
    (nav,) = re.findall(r'<nav class="sections".*?</nav>', page, re.DOTALL)
    return re.findall(r"<a [^>]*>([A-Z][a-z ]+?)\s*<", nav)


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ("/admin/", "Overview"),
        ("/admin/apikeys/apikey/", "Keys"),
        ("/admin/apikeys/apikey/add/", "Keys"),
        ("/admin/apikeys/owner/", "Owners"),
        ("/admin/apikeys/owner/by-name/?name=x", "Owners"),
        ("/admin/apikeys/plan/", "Plans"),
        ("/admin/apikeys/plan/add/", "Plans"),
        ("/admin/health/incident/", "Incidents"),
        ("/admin/guard-rails/", "Guard rails"),
        ("/admin/health/waiver/", "Guard rails"),
        ("/admin/health/waiver/add/", "Guard rails"),
        ("/admin/events/event/", "Events"),
        ("/admin/verification/", "Events"),
        ("/admin/events/webhookendpoint/", "Webhooks"),
        ("/admin/auth/user/", "Access"),
        ("/admin/auth/user/add/", "Access"),
        ("/admin/auth/group/", "Access"),
    ],
)
def test_page_marks_its_section(admin: Client, path: str, section: str) -> None:
    page = admin.get(path).content.decode()
    assert sections(page) == ALL
    assert re.findall(r'aria-current="page">([A-Za-z ]+?)\s*<', page) == [section]


def test_sections_show_what_needs_attention(admin: Client, service: ConfigService) -> None:
    service.issue({"label": "x", "rate_limit": None})
    admin.get("/admin/")  # counts the keys
    page = admin.get("/admin/guard-rails/").content.decode()
    assert re.search(r'data-count="1">Keys<', page)
    assert re.search(r'data-count="2">Incidents<', page)


def test_sections_are_those_of_the_role(client: Client) -> None:
    user = User.objects.create_user("vi", is_staff=True)
    client.force_login(user)
    assert sections(client.get("/admin/").content.decode()) == ["Overview"]
    user.groups.add(Group.objects.get(name="viewer"))
    assert "Access" not in sections(client.get("/admin/").content.decode())
