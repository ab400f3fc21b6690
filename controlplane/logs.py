"""Logs: one JSON object a line (or columns for people), with the request's id and key, and never a secret."""

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from latchkey.redaction import REDACTED, redact, redact_tokens

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
    """Redacts each value as it is, before quoting makes another text of it."""
    return {name: _redacted_member(name, value) for name, value in event.items()}


def _redacted_member(name: object, value: object) -> object:
    """A member whose very name says that it is a secret tells nothing else."""
    return REDACTED if _SENSITIVE.search(str(name)) else _redacted(value)


def _redacted(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _redacted_member(name, member) for name, member in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted(element) for element in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return redact(str(value))


def _redact_json(_logger: WrappedLogger, _name: str, line: EventDict | str) -> str:
    """The last step: whatever got by is taken out of the finished line, which stays JSON."""
    return redact_tokens(str(line))


def _redact_line(_logger: WrappedLogger, _name: str, line: EventDict | str) -> str:
    """The last step for lines that people read: a request's bytes must not steer their terminal."""
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
    """Sends what our own loggers are told through the standard library's handlers."""
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
    """The `logging.config` of every process: all loggers, ours and libraries', end in one redacting handler."""
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
            # Each request is told once, by the access line of controlplane.middleware.
            "django.server": {"level": logging.WARNING, "handlers": [], "propagate": True},
            "django.request": {"level": logging.ERROR, "propagate": True},
            "django.security.DisallowedHost": {"level": logging.CRITICAL, "propagate": True},
            # It would tell every header that a webhook's receiver answers with.
            "httpcore": {"level": logging.WARNING, "propagate": True},
            # Its lines would stand between those of the remote CLI (manage.py ctl).
            "httpx": {"level": logging.WARNING, "propagate": True},
            # Failed sign-ins and lockouts are events.
            "axes": {"level": logging.ERROR, "propagate": True},
            "gunicorn.error": {"level": level, "handlers": ["standard_error"], "propagate": False},
            "gunicorn.access": {"level": logging.CRITICAL, "handlers": [], "propagate": False},
        },
    }
