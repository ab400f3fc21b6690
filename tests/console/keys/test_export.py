"""Export of keys as CSV."""

import csv
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from console.keys import export

pytestmark = pytest.mark.django_db
EXPORT = "/admin/apikeys/apikey/export.csv"


def read(client: Client, **query: str) -> list[dict[str, str]]:
    """Return the rows of the file."""
    response = client.get(EXPORT, query)
    assert response["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(StringIO(b"".join(response).decode())))


def test_export_has_all_pages(admin: Client, service: ConfigService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_PAGE", 2)
    limit = {"burst": 5, "per_seconds": 60}
    for number in range(5):
        service.issue({"label": f"key {number}", "owner": "payments", "scopes": ["a:b", "c:d"], "rate_limit": limit})
    rows = read(admin)
    assert [row["label"] for row in rows] == [f"key {number}" for number in (4, 3, 2, 1, 0)]
    row = rows[0]
    assert (row["owner"], row["state"], row["scopes"], row["burst"]) == ("payments", "active", "a:b c:d", "5")
    assert row["created_at"].endswith("Z")
    assert (row["expires_at"], row["last_used_at"]) == ("", "")


def test_export_has_what_the_list_shows(admin: Client, service: ConfigService) -> None:
    service.issue({"label": "billing"})
    service.issue({"label": "search", "rate_limit": None})
    assert [row["label"] for row in read(admin, q="bill")] == ["billing"]
    assert [row["label"] for row in read(admin, filter="unlimited")] == ["search"]
    assert read(admin, q="nothing") == []


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@SUM(A1)", '"quoted", and more'])
def test_no_cell_is_a_formula(admin: Client, service: ConfigService, label: str) -> None:
    service.issue({"label": label})
    ((shown,),) = ([row["label"]] for row in read(admin))
    assert shown == (f"'{label}" if label[0] in "=+-@" else APIKey.objects.get().label)


def test_every_text_is_harmless_in_any_spreadsheet(admin: Client, service: ConfigService) -> None:
    service.issue({"label": "x;=HYPERLINK(1)", "owner": "+1", "scopes": ["-1:x"]})
    (row,) = read(admin)
    assert (row["label"], row["owner"], row["scopes"]) == ("x;'=HYPERLINK(1)", "'+1", "'-1:x")


def test_export_ends_with_its_client(admin: Client, service: ConfigService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_PAGE", 1)
    for number in range(3):
        service.issue({"label": f"key {number}"})
    parts = iter(admin.get(EXPORT))
    assert [next(parts) for _ in range(2)]
    monkeypatch.setattr("console.streamed_file.is_disconnected", lambda _: True)
    assert list(parts) == []


def test_export_needs_the_permission(client: Client) -> None:
    client.force_login(User.objects.create_user("vi", is_staff=True))
    assert client.get(EXPORT).status_code == 403
