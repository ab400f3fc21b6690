"""Migrations: forward, back to nothing, and forward again to the same schema."""

import json

import pytest

from tests.support.server import RunningServer

# Each dependant goes back before what it depends on. What is left of the schema is what others than Django know of it.
BACK_AND_FORTH = """
import json
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

TRIGGERS = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",
    "postgresql": '''
        SELECT 'table', table_name, column_name || ' ' || data_type FROM information_schema.columns
        WHERE table_schema = 'public'
        UNION SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
        UNION SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')  -- pg_trgm's, which stay
    ''',
}

def schema():
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS[connection.vendor])
        return sorted(str(row) for row in cursor.fetchall() if "django_migrations" not in str(row))

def migrated():
    return sorted(map(str, MigrationLoader(connection).applied_migrations))

found = {}
for name in ("first", "back", "second"):
    if name == "back":
        for app in sorted({app for app, _ in MigrationLoader(connection).disk_migrations}):
            call_command("migrate", app, "zero", verbosity=0)
    else:
        call_command("migrate", verbosity=0)
    found[name] = {"schema": schema(), "migrated": migrated()}
print(json.dumps(found))
"""


@pytest.mark.slow("runs many migrations")
def test_migrations_are_reversible(unmigrated: RunningServer) -> None:
    found = json.loads(unmigrated.manage("shell", "-v0", "-c", BACK_AND_FORTH).stdout)
    assert len(found["first"]["migrated"]) > 20
    assert any("append-only" in row for row in found["first"]["schema"])
    assert found["back"] == {"schema": [], "migrated": []}
    assert found["second"] == found["first"]
