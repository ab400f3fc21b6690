"""Presets: what the tables of other systems are like, so that their keys need no column mapping."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Preset:
    """Source and columns of another system's table. `prepare` completes the columns of a row, or is None."""

    source: Mapping[str, Any]
    columns: Mapping[str, str]
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = field(default=lambda columns: columns)


def _knox(columns: dict[str, Any]) -> dict[str, Any]:
    # The digest is the primary key, which `dumpdata` writes apart. A column `user` is `user_id` in the table itself.
    token_key = columns.get("token_key", "")
    user = columns.get("user", columns.get("user_id", ""))
    return {"digest": columns.get("pk", ""), **columns, "label": f"knox {token_key}", "user": str(user)}


_KNOX_COLUMNS: Final = {"digest": "digest", "label": "label", "owner": "user", "expires_at": "expiry"}
_KNOX_SHAPE: Final = {"prefix": "", "alphabet": "hex", "min_length": 64}

PRESETS: Final[Mapping[str, Preset]] = {
    # rest_framework_api_key/crypto.py: 8 and 32 characters of get_random_string, with a period between them.
    "drf-api-key": Preset(
        {"name": "drf-api-key", "hash": "sha512", "prefix": "", "alphabet": "base62+.", "min_length": 41},
        {"digest": "hashed_key", "label": "name", "expires_at": "expiry_date", "metadata.prefix": "prefix"},
    ),
    # knox/crypto.py of 5.0: hashlib.sha512 of the token's text.
    "knox": Preset({"name": "knox", "hash": "sha512", **_KNOX_SHAPE}, _KNOX_COLUMNS, _knox),
    # knox/crypto.py up to 4.2: SHA-512 of the bytes that the token is the hexadecimal text of.
    "knox4": Preset({"name": "knox4", "hash": "sha512-hex", **_KNOX_SHAPE}, _KNOX_COLUMNS, _knox),
}
