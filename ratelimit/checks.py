"""Django system checks of the rate limit settings. Each fault is one line that says how to fix it."""

from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from ratelimit.limit import LimitError, parse_limit_text
from ratelimit.stores import open_store

SETTINGS: Final = "settings"
"""Tag of the checks that every command runs. Other checks load all models and pages."""
STORE_URL_INVALID = "ratelimit.E001"
STORE_PROCESS_LOCAL = "ratelimit.E002"
DEFAULT_LIMIT_INVALID = "ratelimit.E003"
FAILURE_LIMIT_INVALID = "ratelimit.E004"
DEFAULT_LIMIT_UNLIMITED = "ratelimit.W005"


@register(SETTINGS)
def check_bucket_store(**_kwargs: Any) -> list[CheckMessage]:
    """Check that BUCKET_STORE_URL is valid, and that all workers share the store if there are several."""
    try:
        store = open_store(settings.BUCKET_STORE_URL)
    except ValueError as error:
        hint = "Set it to lmdb:// and a path, or redis:// and a host; or leave it unset for the default in DATA_DIR."
        return [Error(f"BUCKET_STORE_URL {error}.", hint=hint, id=STORE_URL_INVALID)]
    # With a store per process, N workers would allow N times the limit.
    if settings.WORKERS > 1 and not store.shared:
        return [
            Error(
                f"BUCKET_STORE_URL names a store within one process, but there are {settings.WORKERS} workers: "
                "each would count alone and allow a full limit.",
                hint="Use lmdb:// or redis:// for several workers, or WORKERS=1.",
                id=STORE_PROCESS_LOCAL,
            )
        ]
    return []


@register(SETTINGS)
def check_limits(**_kwargs: Any) -> list[CheckMessage]:
    """Check that DEFAULT_RATE_LIMIT and AUTH_FAILURE_LIMIT are valid rate limits."""
    messages: list[CheckMessage] = []
    example = 'Set it to, for example, {"burst": 60, "per_seconds": 60}.'
    for name, identifier in (
        ("DEFAULT_RATE_LIMIT", DEFAULT_LIMIT_INVALID),
        ("AUTH_FAILURE_LIMIT", FAILURE_LIMIT_INVALID),
    ):
        try:
            limit = parse_limit_text(getattr(settings, name))
        except LimitError as error:
            messages.append(Error(f"{name} is not a rate limit: {error}", hint=example, id=identifier))
            continue
        # An unlimited AUTH_FAILURE_LIMIT would let a client guess secrets without ever being slowed down.
        if limit is None and name == "AUTH_FAILURE_LIMIT":
            messages.append(Error(f"{name} cannot be unlimited.", hint=example, id=identifier))
        elif limit is None:
            messages.append(
                Warning(f"{name} is null: each new key is unlimited.", hint=example, id=DEFAULT_LIMIT_UNLIMITED)
            )
    return messages
