"""Logs: one JSON object per line (or columns for people), with the request ID and the key ID, without secrets."""

import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from latchkey.redaction import REDACTED, is_redacted_field, redact, redact_tokens

_SENSITIVE: Final = re.compile(r"(?i)passw|secret|authorization|api.?key|cookie|credential|token")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def _redact_values(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Redact the values before they are rendered."""
    # Quoting in JSON would change a secret's text, so that it could no longer be recognized.
    return {name: _redacted_field(name, value) for name, value in event.items()}


def _redacted_field(name: object, value: object) -> object:
    """Return the redacted value. If the field's name says that it is a secret, hide it completely."""
    return REDACTED if _sounds_sensitive(str(name)) or is_redacted_field(str(name)) else _redacted(value)


@lru_cache(maxsize=512)
def _sounds_sensitive(name: str) -> bool:
    # Nearly all lines have the same few fields.
    return _SENSITIVE.search(name) is not None


def _redacted(value: object) -> object:
    # Nearly all values are text, and the next check is slow.
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {str(name): _redacted_field(name, field) for name, field in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted(element) for element in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return redact(str(value))


def _redact_json(_logger: WrappedLogger, _name: str, line: EventDict | str) -> str:
    """Remove secrets that are left in the finished JSON line. The line stays valid JSON."""
    return redact_tokens(str(line))


def _redact_line(_logger: WrappedLogger, _name: str, line: EventDict | str) -> str:
    """Remove secrets from a finished line, and escape control characters, which could manipulate a terminal."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], redact(str(line)))


def _renderers(log_format: str) -> list[Processor]:
    remove: Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if log_format == "json":
        return [
            remove,
            structlog.processors.format_exc_info,
            _redact_values,
            structlog.processors.JSONRenderer(sort_keys=True),
            _redact_json,
        ]
    plain = structlog.dev.plain_traceback
    return [remove, structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain), _redact_line]


def configure_structlog() -> None:
    """Send Latchkey's own log entries through the handlers of the standard library."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logging_config(level: str, log_format: str) -> dict[str, Any]:
    """Return the `logging.config` of every process: all loggers, including libraries', use one redacting handler."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": _renderers(log_format),
            }
        },
        "handlers": {"standard_error": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["standard_error"], "level": level},
        "loggers": {
            "django": {"level": level, "handlers": [], "propagate": True},
            # controlplane.middleware already logs one access line per request.
            "django.server": {"level": logging.WARNING, "handlers": [], "propagate": True},
            "django.request": {"level": logging.ERROR, "propagate": True},
            "django.security.DisallowedHost": {"level": logging.CRITICAL, "propagate": True},
            # At DEBUG it would log every header in the response of a webhook receiver.
            "httpcore": {"level": logging.WARNING, "propagate": True},
            # Its lines would mix with the output of the remote CLI (manage.py ctl).
            "httpx": {"level": logging.WARNING, "propagate": True},
            # Failed sign-ins and lockouts are recorded as events already.
            "axes": {"level": logging.ERROR, "propagate": True},
            "gunicorn.error": {"level": level, "handlers": ["standard_error"], "propagate": False},
            "gunicorn.access": {"level": logging.CRITICAL, "handlers": [], "propagate": False},
        },
    }
