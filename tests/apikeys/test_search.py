from collections.abc import Callable

import pytest

from apikeys import search
from apikeys.config_service import ConfigService
from apikeys.models import APIKey, KeyText
from apikeys.search import matching, normalized

pytestmark = pytest.mark.django_db
Find = Callable[[str], list[str]]


@pytest.fixture
def find(service: ConfigService) -> Find:
    """Labels of the keys that a query finds, oldest first."""
    service.issue({"label": "Billing worker", "owner": "Zoë Ünsal"})
    service.issue({"label": "nightly-export (EU)", "owner": "payments"})
    service.issue({"label": "billing, nightly", "owner": ""})
    return lambda query: [key.label for key in matching(APIKey.objects.all(), query).order_by("pk")]


def test_search_ignores_case_and_accents() -> None:
    assert normalized("Zoë's  nightly-export_2 ΣΊΣΥΦΟΣ Straße") == "zoe's  nightly-export_2 σισυφοσ strasse"


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("bill", ["Billing worker", "billing, nightly"]),
        ("NIGHT", ["nightly-export (EU)", "billing, nightly"]),
        ("nightly bil", ["billing, nightly"]),
        ("unsal", ["Billing worker"]),
        ("ünsal zoe", ["Billing worker"]),
        ("payments export", ["nightly-export (EU)"]),
        ("orke", ["Billing worker"]),
        ("y-ex", ["nightly-export (EU)"]),
        ("(eu)", ["nightly-export (EU)"]),
        ("(E", ["nightly-export (EU)"]),
        (")", ["nightly-export (EU)"]),
        ("+=", []),
        ("bil ng,", ["billing, nightly"]),
        ("…", []),
        (" ", []),
        ("billing%", []),
        ("bill_ng", []),
        ('bill" OR text:"', []),
        ("lk_", ["Billing worker", "nightly-export (EU)", "billing, nightly"]),
    ],
)
@pytest.mark.parametrize("most_listed", [0, 1000])
def test_queries(find: Find, query: str, labels: list[str], most_listed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_LISTED", most_listed)  # as a common word, and as a rare one
    assert find(query) == labels


def test_search_uses_current_fields(find: Find, service: ConfigService) -> None:
    key = APIKey.objects.get(label="Billing worker")
    service.update(key.key_id, {"label": "invoices"})
    assert find("worker") == []
    assert find("invoices zoe") == ["invoices"]
    service.update(key.key_id, {"metadata": {"ticket": "OPS-417", "regions": ["eu-west", {"zone": 42}]}})
    for query in ("ops-4", "ticket", "west", "zone", "417 unsal"):
        assert find(query) == ["invoices"], query
    service.update(key.key_id, {"metadata": {}})
    assert find("ops-4") == []


def test_every_part_of_the_id_is_found(find: Find) -> None:
    assert find("worker") == ["Billing worker"]
    key_id = APIKey.objects.get(label="Billing worker").key_id
    for begin in range(len(key_id) - 8):
        assert find(key_id[begin : begin + 8].upper()) == ["Billing worker"]


@pytest.mark.parametrize("most_listed", [0, 1000])
def test_all_of_many_words_have_to_match(find: Find, most_listed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_LISTED", most_listed)
    text = "billing worker"
    parts = [text[begin : begin + size] for size in (1, 2, 3) for begin in range(len(text))]
    assert find(" ".join(parts)) == ["Billing worker"]
    assert find(" ".join([*parts, "unrelated"])) == []
    assert find(" ".join([*parts, "?"])) == []


def test_a_deleted_key_leaves_the_index(find: Find) -> None:
    APIKey.objects.filter(label="Billing worker").delete()
    assert find("billing") == ["billing, nightly"]
    assert KeyText.objects.count() == 2
