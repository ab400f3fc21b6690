"""Facts about a database for the manifest: its migrations, keys, event log and required peppers."""

from dataclasses import dataclass

from django.db import connection

from backup.schema.expected import schema_digest
from backup.schema.sql import Query
from events.chain import GENESIS


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a database.

    `schema` is the digest of the actual tables. `last_event` and `digest` are the head of the event log. `peppers`
    are the pepper IDs that stored data depends on.
    """

    migrations: tuple[str, ...]
    schema: str
    keys: int
    last_event: int
    digest: str
    peppers: tuple[str, ...]


def read_facts(query: Query) -> Facts:
    """Return the facts about a migrated database."""
    # Plain SQL instead of models: `query` may read a copy, which isn't the database of the settings.
    migrations = query("SELECT app, name FROM django_migrations ORDER BY app, name")
    ((keys,),) = query("SELECT COUNT(*) FROM apikeys_apikey")
    head = query("SELECT last_id, digest FROM events_chainhead") or [(0, GENESIS)]
    peppers = query(
        # An imported token that wasn't used yet has no pepper.
        "SELECT pepper_id FROM apikeys_keysecret WHERE pepper_id <> ''"
        " UNION SELECT pepper_id FROM events_webhookendpoint"
        " UNION SELECT pepper_id FROM events_seal ORDER BY 1"
    )
    return Facts(
        migrations=tuple(f"{app}.{name}" for app, name in migrations),
        schema=schema_digest(query, connection.vendor),
        keys=int(keys),
        last_event=int(head[0][0]),
        digest=str(head[0][1]),
        peppers=tuple(pepper for (pepper,) in peppers),
    )
