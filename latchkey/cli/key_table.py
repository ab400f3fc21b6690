"""A key on standard output: a row of a table, lines, or JSON."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from latchkey.cli.limit_table import limit_lines
from latchkey.cli.output import print_change, print_object, print_rows, write_lines
from latchkey.cli.printable import printable
from latchkey.cli.table import Row
from latchkey.cli.view import View
from latchkey.credentials import SECRET_FIELDS

if TYPE_CHECKING:
    from latchkey.client.key import Key, KeyReceipt


def print_key(key: "Key | KeyReceipt", view: View) -> None:
    """Show the key with everything the server returned. As lines, show its ETag too."""
    lines = {**key_lines(key.document), **({"etag": key.etag} if key.etag else {})}
    print_object(key.document, view, lines=lines)


def named_key(key: "Key | KeyReceipt") -> str:
    """Return the key ID, with the label if the caller may see it."""
    label = key.document.get("label")
    return f"{key.key_id} ({label})" if label else key.key_id


def print_changed_keys(keys: "Sequence[Key | KeyReceipt]", view: View, *, several: bool, done: str) -> None:
    """Confirm a change of keys: `done` says what was done, in front of each key. Otherwise show the keys."""
    if not several:
        print_change(keys[0].document, view, f"{done} {named_key(keys[0])}.")
    elif view.is_table and not view.columns:
        write_lines(printable(f"{done} {named_key(key)}.") for key in keys)
    else:
        documents = [key.document for key in keys]
        print_rows({"items": documents}, view, rows=[key_row(document) for document in documents])


def key_row(key: Row) -> dict[str, object]:
    """Return the fields of a key that a list shows."""
    row = {name: key.get(name) for name in ("key_id", "label", "owner", "state")}
    return {**row, "limit": limit_text(key.get("rate_limit")), "last used": key.get("last_used_at") or "never"}


def key_lines(key: Row) -> dict[str, object]:
    """Return all fields of a key, with its limits and its secrets in words."""
    # The document of an issued key holds its secret, which only `secret_output` may show.
    lines = {name: value for name, value in key.items() if name not in ("secrets", "limits", *SECRET_FIELDS)}
    secrets = key.get("secrets")
    for secret in secrets if isinstance(secrets, list) else []:
        ends = f", ends {secret['expires_at']}" if secret.get("expires_at") else ""
        used = secret.get("last_used_at") or "never"
        lines[f"secret {secret['id']}"] = f"{secret['state']}{ends}, created {secret['created_at']}, last used {used}"
    lines |= limit_lines(key)
    return lines | ({"rate_limit": limit_text(key["rate_limit"])} if "rate_limit" in key else {})


def limit_text(limit: object) -> str:
    """Return a rate limit in words. Without one, a plan may still limit the key."""
    return f"{limit['burst']} per {limit['per_seconds']} s" if isinstance(limit, Mapping) else "none"
