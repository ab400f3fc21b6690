"""Replaces the search index by beginnings of words with one that finds any part of a key's texts."""

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import django.db.models.deletion
from django.core.management.base import CommandError
from django.db import ProgrammingError, migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

BATCH = 2000
NO_EXTENSION = (
    "PostgreSQL's extension pg_trgm is missing, and this role may not create it. Run CREATE EXTENSION pg_trgm in this "
    "database as its owner or as a superuser, then migrate again."
)
SQLITE = [
    # External content: the words are stored once, in apikeys_keytext.
    """
    CREATE VIRTUAL TABLE apikeys_keytext_trigrams USING fts5(
        text, content='apikeys_keytext', content_rowid='key_id', tokenize='trigram case_sensitive 1'
    )
    """,
    """
    CREATE TRIGGER apikeys_keytext_added AFTER INSERT ON apikeys_keytext
    BEGIN INSERT INTO apikeys_keytext_trigrams(rowid, text) VALUES (NEW.key_id, NEW.text); END
    """,
    """
    CREATE TRIGGER apikeys_keytext_removed AFTER DELETE ON apikeys_keytext
    BEGIN
        INSERT INTO apikeys_keytext_trigrams(apikeys_keytext_trigrams, rowid, text)
        VALUES ('delete', OLD.key_id, OLD.text);
    END
    """,
    """
    CREATE TRIGGER apikeys_keytext_changed AFTER UPDATE ON apikeys_keytext
    BEGIN
        INSERT INTO apikeys_keytext_trigrams(apikeys_keytext_trigrams, rowid, text)
        VALUES ('delete', OLD.key_id, OLD.text);
        INSERT INTO apikeys_keytext_trigrams(rowid, text) VALUES (NEW.key_id, NEW.text);
    END
    """,
]


def fill(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Write the text of every key."""
    key_text = apps.get_model("apikeys", "KeyText")
    keys = apps.get_model("apikeys", "APIKey").objects.order_by("pk")
    last = 0
    while batch := list(keys.filter(pk__gt=last).only("key_id", "label", "owner", "metadata")[:BATCH]):
        key_text.objects.bulk_create([key_text(key_id=key.pk, text=_text(key)) for key in batch])
        last = batch[-1].pk


def create_index(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "sqlite":
        for statement in SQLITE:
            editor.execute(statement)
        editor.execute("INSERT INTO apikeys_keytext_trigrams(apikeys_keytext_trigrams) VALUES ('rebuild')")
        return
    with editor.connection.cursor() as cursor:
        # Asked first: a role that may not create extensions may not run CREATE EXTENSION IF NOT EXISTS either.
        if _extension_schema(cursor) is None:
            try:
                cursor.execute("CREATE EXTENSION pg_trgm")
            except ProgrammingError:
                raise CommandError(NO_EXTENSION) from None
        # The extension is in one schema of the database, which needn't be in search_path.
        schema = editor.connection.ops.quote_name(str(_extension_schema(cursor)))
        cursor.execute(f"CREATE INDEX key_by_text ON apikeys_keytext USING gin (text {schema}.gin_trgm_ops)")


def drop_index(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "sqlite":
        for name in ("added", "removed", "changed"):
            editor.execute(f"DROP TRIGGER apikeys_keytext_{name}")
        editor.execute("DROP TABLE apikeys_keytext_trigrams")
        return
    # The extension stays: something else may use it.
    editor.execute("DROP INDEX key_by_text")


def _extension_schema(cursor: Any) -> str | None:
    cursor.execute(
        "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm'"
    )
    row = cursor.fetchone()
    return None if row is None else str(row[0])


def _text(key: Any) -> str:
    plain = unicodedata.normalize("NFKD", "\n".join((key.key_id, key.label, key.owner, *_values(key.metadata))))
    return "".join(character for character in plain.casefold() if not unicodedata.combining(character))


def _values(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0005_key_by_owner_and_label")]

    operations = [
        migrations.CreateModel(
            name="KeyText",
            fields=[
                (
                    "key",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="text",
                        serialize=False,
                        to="apikeys.apikey",
                    ),
                ),
                ("text", models.TextField()),
            ],
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(create_index, drop_index),
        migrations.DeleteModel(name="KeyWord"),
    ]
