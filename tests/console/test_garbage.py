"""Malformed addresses and parameters of the admin never cause an internal error."""

import random
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from apikeys.config_service import ConfigService, IssuedKey
from events.origin import Origin
from health.waivers import Waivers

pytestmark = pytest.mark.django_db
VALUES = (
    "", "0", "-1", "999999", "9" * 30, "1.2.-3", "x", "٣", "\x00", "%", "a,b", "1e9", "None", "[]", "{}", "'\"", "\ud7ff", "💥" * 40,
    "lk_000000000000", "../../x", "2026-02-30",
)  # fmt: skip
NAMES = (
    "p", "o", "q", "e", "all", "cursor", "filter", "state", "action", "next", "term", "app_label", "model_name", "field_name",
    "_facets", "_popup", "_to_field", "_changelist_filters", "_source_model", "_saveasnew", "id", "id__in", "pk", "pk__gt",
    "type__exact", "type__isnull", "severity", "severity__exact", "is_active__exact", "is_active__isnull", "groups__id__exact",
    "groups__isnull", "is_superuser__exact", "at__year", "password", "salt__startswith", "user__isnull", "\x00", "a[b]", "__", "",
)  # fmt: skip


def routes(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    """Yield every path below /admin/, with its parameters as placeholders."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern).removesuffix("$").removeprefix("^")
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def paths() -> list[str]:
    """Return every path below /admin/ except sign-out and the last one, which matches every other path."""
    (site,) = (one for one in get_resolver().url_patterns if isinstance(one, URLResolver) and one.app_name == "admin")
    return [path for path in routes(site.url_patterns, "/admin/") if "(?P" not in path and "logout" not in path]


def visit(client: Client, path: str, query: dict[str, str]) -> None:
    where = f"{path}?{urlencode(query)}"
    assert client.get(where).status_code < 500, where


@pytest.fixture
def addresses(service: ConfigService, root: IssuedKey) -> list[str]:
    """Return names and numbers of existing rows, and some that can't exist."""
    endpoint = service.webhooks.add({"url": "https://hooks.example.com/x", "label": "pager"}).endpoint
    ends_at = (timezone.now() + timedelta(days=1)).isoformat()
    Waivers(Origin("system", "r")).grant({"guard_rail": "unlimited_key", "reason": "a", "ends_at": ends_at})
    real = [root.key.key_id, endpoint.endpoint_id, "1"]
    return [*real, *(quote(value, safe="") for value in VALUES if value)]


@pytest.fixture
def sign_in(client: Client, service: ConfigService) -> Callable[[str], Client]:
    """Return a function that signs in with a role."""

    def enter(role: str) -> Client:
        user = User.objects.create_user(role, is_staff=True, is_superuser=role == "superuser")
        user.groups.set(Group.objects.filter(name=role))
        client.force_login(user)
        client.raise_request_exception = False
        return client

    return enter


@pytest.mark.parametrize("role", ["viewer", "operator", "superuser"])
def test_no_address_crashes(sign_in: Callable[[str], Client], addresses: list[str], role: str) -> None:
    client, rng = sign_in(role), random.Random(role)
    for path in paths():
        chosen = [*addresses[:3], *rng.sample(addresses[3:], 2)] if "<" in path else [""]
        for address in chosen:
            query = {name: rng.choice(VALUES) for name in rng.sample(NAMES, 3)}
            visit(client, re.sub(r"<[^>]+>", lambda _, address=address: address, path), query)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("viewer", 8),
        ("operator", 8),
        pytest.param("superuser", len(NAMES), marks=pytest.mark.slow("tries every name on every list")),
    ],
)
def test_no_list_parameter_crashes(
    sign_in: Callable[[str], Client], addresses: list[str], role: str, names: int
) -> None:
    client, rng = sign_in(role), random.Random(role)
    lists = [path for path in paths() if path.count("/") == 4 and "<" not in path]
    assert len(lists) >= 7
    for path in lists:
        for name in rng.sample(NAMES, names):
            for value in VALUES if name in ("p", "o") else rng.sample(VALUES, 1):
                visit(client, path, {name: value})


def test_other_tables_cannot_be_queried(sign_in: Callable[[str], Client], root: IssuedKey) -> None:
    client = sign_in("superuser")
    asked = {"app_label": "auth", "model_name": "group", "field_name": "user", "term": ""}
    assert client.get("/admin/autocomplete/", asked).status_code == 404
    assert client.get("/admin/r/1/1/").status_code == 404
