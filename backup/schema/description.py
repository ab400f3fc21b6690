"""Description of Latchkey's own tables as a database has them: one line per column, index, constraint or trigger.

Tables of Django and other packages are left out, because their own migrations define them. The lines contain
nothing that another version of SQLite or PostgreSQL might write differently, such as the text of a condition.

What PostgreSQL does not enforce for every row is left out, and thus counts as missing: an invalid index or
constraint, and a trigger that does not fire in ordinary sessions. An index that REINDEX CONCURRENTLY is building,
or has left behind under another name, is invalid too.

Backup manifests contain a digest of these lines. If the format of a line changes, the manifest needs a new format.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.conf import settings

from backup.schema.sql import Query, Rows

# Prefix of indexes that only speed up queries. Operators may add some.
PLAIN_INDEX: Final = "index "

_SQLITE: Final = {
    "columns": """
SELECT t.name, c.name, lower(c.type), c."notnull", 0 FROM sqlite_master t, pragma_table_xinfo(t.name) c
WHERE t.type = 'table'""",
    "indexes": """
SELECT t.name, CASE i.origin WHEN 'c' THEN i.name ELSE '' END, i."unique", i.partial,
    (SELECT group_concat(name, ', ') FROM (SELECT coalesce(name, '…') AS name FROM pragma_index_info(i.name)))
FROM sqlite_master t, pragma_index_list(t.name) i WHERE t.type = 'table'""",
    "references": """
SELECT t.name, f."from", f."table", lower(f.on_delete)
FROM sqlite_master t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'""",
    "triggers": "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'",
    "checks": "SELECT name, sql FROM sqlite_master WHERE type = 'table'",
}
_POSTGRESQL: Final = {
    "columns": """
SELECT t.relname, c.attname, format_type(c.atttypid, c.atttypmod), c.attnotnull::integer,
    (c.attidentity <> '')::integer
FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid
WHERE t.relnamespace = to_regnamespace(quote_ident(current_schema()))
    AND t.relkind = 'r' AND c.attnum > 0 AND NOT c.attisdropped""",
    "indexes": """
SELECT t.relname, n.relname, i.indisunique::integer, (i.indpred IS NOT NULL)::integer,
    (SELECT string_agg(coalesce(c.attname, '…'), ', ' ORDER BY k.place)
    FROM unnest(i.indkey::integer[]) WITH ORDINALITY k(number, place)
    LEFT JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum = k.number AND k.number > 0)
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class n ON n.oid = i.indexrelid
WHERE i.indisvalid AND i.indisready AND t.relnamespace = to_regnamespace(quote_ident(current_schema()))""",
    "references": """
SELECT t.relname, (SELECT string_agg(c.attname, ', ') FROM pg_attribute c
    WHERE c.attrelid = t.oid AND c.attnum = ANY (f.conkey)), o.relname,
    CASE f.confdeltype WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade'
    WHEN 'n' THEN 'set null' ELSE 'set default' END
FROM pg_constraint f JOIN pg_class t ON t.oid = f.conrelid JOIN pg_class o ON o.oid = f.confrelid
WHERE f.contype = 'f' AND f.convalidated AND t.relnamespace = to_regnamespace(quote_ident(current_schema()))""",
    "triggers": """
SELECT t.relname, g.tgname, concat_ws(' ', g.tgtype, g.tgqual IS NULL, cardinality(g.tgattr::integer[]), p.prosrc)
FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid JOIN pg_proc p ON p.oid = g.tgfoid
WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A')
    AND t.relnamespace = to_regnamespace(quote_ident(current_schema()))""",
    "checks": """
SELECT t.relname, string_agg(format('CONSTRAINT "%s" CHECK', c.conname), ' ')
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE c.contype = 'c' AND c.convalidated AND t.relnamespace = to_regnamespace(quote_ident(current_schema()))
GROUP BY t.relname""",
}  # fmt: skip
_STATEMENTS: Final[Mapping[str, Mapping[str, str]]] = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}
_CHECK: Final = re.compile(r'CONSTRAINT "([^"]+)" CHECK')


def describe(query: Query, vendor: str) -> frozenset[str]:
    """Return the lines for the database behind `query`. `vendor` is sqlite or postgresql."""
    found = {name: _own(query(statement)) for name, statement in _STATEMENTS[vendor].items()}
    lines = [
        f"column {table}.{name} {kind}{' not null' * int(full)}{' identity' * int(identity)}"
        for table, name, kind, full, identity in found["columns"]
    ]
    for table, name, unique, partial, columns in found["indexes"]:
        kind = "unique index" if unique else "index"
        lines.append(f"{kind} {name or 'of a column'} on {table} ({columns}){' in part' * int(partial)}")
    lines += [
        f"reference {table}.{name} to {other} on delete {action}" for table, name, other, action in found["references"]
    ]
    lines += [f"trigger {name} on {table} {_short_digest(text)}" for table, name, text in found["triggers"]]
    lines += [f"check {name} on {table}" for table, text in found["checks"] for name in _CHECK.findall(text)]
    return frozenset(lines)


@cache
def _own_prefixes() -> tuple[str, ...]:
    root = Path(settings.BASE_DIR)
    return tuple(f"{config.label}_" for config in apps.get_app_configs() if Path(config.path).parent == root)


def _own(rows: Rows) -> Iterable[Sequence[Any]]:
    return (row for row in rows if str(row[0]).startswith(_own_prefixes()))


def _short_digest(text: str) -> str:
    """Return 16 hexadecimal digits for a text, ignoring differences in white space."""
    return sha256(" ".join(text.split()).encode()).hexdigest()[:16]
