"""A key on standard output: a row of a table, lines, or JSON."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from latchkey.cli.output import print_object
from latchkey.cli.table import Row
from latchkey.credentials import SECRET_FIELDS

if TYPE_CHECKING:
    from latchkey.client.key import Key, KeyReceipt


def print_key(key: "Key | KeyReceipt", *, as_json: bool) -> None:
    """Show the key with everything the server returned. As lines, show its ETag too."""
    lines = {**key_lines(key.document), **({"etag": key.etag} if key.etag else {})}
    print_object(key.document if as_json else lines, as_json=as_json)


def key_row(key: Row) -> dict[str, object]:
    """Return the fields of a key that a list shows."""
    row = {name: key.get(name) for name in ("key_id", "label", "owner", "state")}
    return {**row, "limit": limit_text(key.get("rate_limit")), "last used": key.get("last_used_at") or "never"}


def key_lines(key: Row) -> dict[str, object]:
    """Return all fields of a key, with its limit and its secrets in words."""
    # The document of an issued key holds its secret, which only `secret_output` may show.
    lines = {name: value for name, value in key.items() if name not in ("secrets", *SECRET_FIELDS)}
    secrets = key.get("secrets")
    for secret in secrets if isinstance(secrets, list) else []:
        ends = f", ends {secret['expires_at']}" if secret.get("expires_at") else ""
        used = secret.get("last_used_at") or "never"
        lines[f"secret {secret['id']}"] = f"{secret['state']}{ends}, created {secret['created_at']}, last used {used}"
    return lines | ({"rate_limit": limit_text(key["rate_limit"])} if "rate_limit" in key else {})


def limit_text(limit: object) -> str:
    """Return a rate limit in words."""
    return f"{limit['burst']} per {limit['per_seconds']} s" if isinstance(limit, Mapping) else "unlimited"
