from collections.abc import Callable

import pytest

from apikeys import search
from apikeys.config_service import ConfigService
from apikeys.models import APIKey, KeyWord
from apikeys.search import MAX_WORD, matching, words_of

pytestmark = pytest.mark.django_db
Find = Callable[[str], list[str]]


@pytest.fixture
def find(service: ConfigService) -> Find:
    """Labels of the keys that a query finds, oldest first."""
    service.issue({"label": "Billing worker", "owner": "Zoë Ünsal"})
    service.issue({"label": "nightly-export (EU)", "owner": "payments"})
    service.issue({"label": "billing, nightly", "owner": ""})
    return lambda query: [key.label for key in matching(APIKey.objects.all(), query).order_by("pk")]


def test_words_ignore_case_accents_and_punctuation() -> None:
    assert words_of("Zoë's  nightly-export_2", "ΣΊΣΥΦΟΣ Straße") == {
        "zoe", "s", "nightly", "export", "2", "σισυφοσ", "strasse"
    }  # fmt: skip
    assert words_of("", "--- …") == set()
    assert words_of("x" * 200) == {"x" * MAX_WORD}


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("bill", ["Billing worker", "billing, nightly"]),
        ("NIGHT", ["nightly-export (EU)", "billing, nightly"]),
        ("nightly bil", ["billing, nightly"]),
        ("unsal", ["Billing worker"]),
        ("ünsal zoe", ["Billing worker"]),
        ("payments eu", ["nightly-export (EU)"]),
        ("orker", []),
        ("…", []),
        ("lk_", ["Billing worker", "nightly-export (EU)", "billing, nightly"]),
    ],
)
@pytest.mark.parametrize("most_listed", [0, 1000])
def test_queries(find: Find, query: str, labels: list[str], most_listed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_LISTED", most_listed)  # as a common word, and as a rare one
    assert find(query) == labels


def test_search_uses_current_label_and_owner(find: Find, service: ConfigService) -> None:
    key = APIKey.objects.get(label="Billing worker")
    service.update(key.key_id, {"label": "invoices"})
    assert find("worker") == []
    assert find("invoices zoe") == ["invoices"]
    assert find(key.key_id[:8]) == ["invoices"]
    service.update(key.key_id, {"enabled": False})
    assert KeyWord.objects.filter(key=key).count() == 3
