"""Ranking of keys and owners by today's requests, on the overview."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apikeys.usage.ranking import Entries, latest_ranking


@dataclass(frozen=True, slots=True)
class RankingTable:
    """One table: `kind` is keys or owners, and each entry is as in `apikeys.usage.ranking`."""

    id: str
    title: str
    kind: str
    entries: Entries


_TABLES: Final = (
    ("keys", "allowed", "Heaviest keys"),
    ("owners", "allowed", "Heaviest owners"),
    ("keys", "throttled", "Most throttled keys"),
    ("owners", "throttled", "Most throttled owners"),
)


def ranking_context(now: datetime, keys: int) -> dict[str, Any]:
    """Return the context of `console/ranking.html`. `keys` is the number of keys."""
    ranking = latest_ranking(now, keys)
    entries = ranking.entries if ranking else None
    tables = [
        RankingTable(f"{measure}-{kind}", title, kind, entries[kind][measure] if entries else [])
        for kind, measure, title in _TABLES
    ]
    return {"ranking": ranking, "ranking_tables": tables}
