"""Synthetic keys for measurements: found like real keys, and usable by no one."""

import pytest
from django.db import IntegrityError, connection

from apikeys.models import APIKey, KeySecret, KeyText
from apikeys.search import matching, text_of
from console.demo_data import synthetic_keys
from console.demo_data.synthetic_keys import COMMON_WORD, fill, synthetic_key_id, unique_word
from tests.support.admin_browser import AdminBrowser

pytestmark = [pytest.mark.django_db, pytest.mark.slow("fills databases")]


def test_filled_keys_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_keys, "BATCH", 4)
    fill(0, 3)
    fill(3, 10)
    assert list(APIKey.objects.order_by("pk").values_list("key_id", flat=True)) == [
        synthetic_key_id(n) for n in range(10)
    ]
    assert KeySecret.objects.count() == 10
    assert [key.last_used_at is None for key in APIKey.objects.order_by("pk")] == [n % 3 == 0 for n in range(10)]
    for key in APIKey.objects.all():
        assert KeyText.objects.get(key=key).text == text_of(key).text


def test_searches_find_them() -> None:
    fill(0, 20)
    (rare,) = matching(APIKey.objects.all(), unique_word(7))
    assert rare.key_id == synthetic_key_id(7)
    assert matching(APIKey.objects.all(), COMMON_WORD).count() == 20
    assert matching(APIKey.objects.all(), synthetic_key_id(7)[:6]).contains(rare)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps its index")
def test_text_index_is_there_after_success_and_failure() -> None:
    before = _text_indexes()
    fill(0, 2)
    assert _text_indexes() == before
    with pytest.raises(IntegrityError):
        fill(0, 1)
    assert _text_indexes() == before


def _text_indexes() -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s ORDER BY 1", [KeyText._meta.db_table])
        return list(cursor.fetchall())


def test_ids_differ() -> None:
    assert len({synthetic_key_id(number) for number in range(20_000)}) == 20_000


def test_number_of_queries_is_constant() -> None:
    """With 60 keys and with 1,200, where a common word is no longer looked up by a list."""
    browser = AdminBrowser()
    fill(0, 60)
    few = {name: browser.queries(path) for name, path in browser.paths(60).items()}
    fill(60, 1200)
    assert {name: browser.queries(path) for name, path in browser.paths(1200).items()} == few
    assert all(few.values())
