"""What counts as an outage of the database, and not as a fault of the program."""

import pytest
from django.db import DataError, Error, InterfaceError, InternalError, OperationalError, ProgrammingError
from psycopg import errors
from rest_framework.test import APIClient

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.database_outage import outage_of


def raised(error: Error, cause: Exception | None) -> Error:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (raised(OperationalError("gone"), None), "OperationalError: gone"),
        (raised(InterfaceError("closed"), None), "InterfaceError: closed"),
        (raised(InternalError("x"), errors.ReadOnlySqlTransaction("x")), "rejects changes"),
        (raised(ProgrammingError("x"), errors.UndefinedTable("x")), "lacks Latchkey's tables"),
        (raised(ProgrammingError("x"), errors.UndefinedColumn("x")), "lacks Latchkey's columns"),
        (raised(ProgrammingError("x"), errors.InvalidSchemaName("x")), "lacks Latchkey's schema"),
    ],
)
def test_outage_is_described(error: Error, told: str) -> None:
    assert told in outage_of(error)


@pytest.mark.parametrize(
    "error",
    [
        raised(ProgrammingError("x"), errors.SyntaxError("x")),
        raised(InternalError("x"), None),
        raised(DataError("x"), errors.StringDataRightTruncation("x")),
        ValueError("x"),
    ],
)
def test_programming_error_is_not_an_outage(error: Exception) -> None:
    assert outage_of(error) == ""


@pytest.mark.django_db
def test_write_to_standby_is_unavailable(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> IssuedKey:
        raise InternalError("cannot execute INSERT in a read-only transaction") from errors.ReadOnlySqlTransaction("x")

    monkeypatch.setattr(ConfigService, "issue", refuse)
    assert api.post("/v1/keys", {"label": "x"}).status_code == 503
