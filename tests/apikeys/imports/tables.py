"""Tables of other systems, as they write them: djangorestframework-api-key 3.1 and django-rest-knox 4.2 and 5.0."""

import binascii
import csv
import hashlib
import io
import os
import secrets
import string
from collections.abc import Sequence
from typing import Final

LETTERS: Final = string.ascii_letters + string.digits


def drf_token() -> str:
    """As `KeyGenerator.generate` of rest_framework_api_key/crypto.py makes one."""
    prefix = "".join(secrets.choice(LETTERS) for _ in range(8))
    return f"{prefix}.{''.join(secrets.choice(LETTERS) for _ in range(32))}"


def drf_row(token: str, name: str = "customer", revoked: str = "0", expiry_date: str = "") -> dict[str, str]:
    """As `Sha512ApiKeyHasher.encode` and `assign_key` fill the table rest_framework_api_key_apikey."""
    hashed_key = f"sha512$${hashlib.sha512(token.encode()).hexdigest()}"
    prefix = token.partition(".")[0]
    return {
        "id": f"{prefix}.{hashed_key}",
        "created": "2025-03-01 10:00:00.123456+00:00",
        "name": name,
        "revoked": revoked,
        "expiry_date": expiry_date,
        "hashed_key": hashed_key,
        "prefix": prefix,
    }


def knox_token(prefix: str = "") -> str:
    """As `create_token_string` of knox/crypto.py makes one, behind TOKEN_PREFIX."""
    return prefix + binascii.hexlify(os.urandom(32)).decode()


def knox_row(token: str, user: int = 7, expiry: str = "", *, before_5: bool = False) -> dict[str, str]:
    """As `hash_token` of knox/crypto.py, and `AuthTokenManager.create`, fill the table knox_authtoken."""
    data = binascii.unhexlify(token) if before_5 else bytes(token, "utf-8")
    return {
        "digest": hashlib.sha512(data).hexdigest(),
        "token_key": token[: 8 if before_5 else 15],
        "user_id": str(user),
        "created": "2025-03-01 10:00:00+00",
        "expiry": expiry,
    }


def csv_of(rows: Sequence[dict[str, str]]) -> bytes:
    """The rows with their header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()
