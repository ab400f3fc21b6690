"""Batched SQL: several statements in one round trip to the database, which may be far away.

PostgreSQL receives them as one message of its simple query protocol, which poolers support too. Each statement
sees what was committed before it started: after one has waited for a lock, the next sees what the lock's holder
did. SQLite has no round trips to save, and runs them one by one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import Error, connection, transaction
from django.db.models import Model, QuerySet, sql
from django.db.models.constants import OnConflict

Rows = list[Any]

_SAVEPOINT: Final = "apart"


class SavepointFailed(Exception):
    """The optional statements failed and were rolled back. The required ones stay. The cause is the error."""


def _no_rows(_rows: list[tuple[Any, ...]]) -> Rows:
    return []


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its parameters, and a function that converts the returned rows."""

    sql: str
    params: Sequence[object] = ()
    convert: Callable[[list[tuple[Any, ...]]], Rows] = _no_rows


def select_statement(found: QuerySet[Any, Any]) -> Statement:
    """Return the statement that reads `found`. It returns model instances, or tuples for `values_list`.

    Instances have their annotations as attributes.
    """
    compiler: Any = found.query.get_compiler(connection=connection)
    text, params = compiler.as_sql()
    model, is_values = found.model, not found.query.default_cols

    def convert(rows: list[tuple[Any, ...]]) -> Rows:
        converted = compiler.results_iter(results=[rows], tuple_expected=True)
        if is_values:
            return list(converted)
        names = [field.attname for field in model._meta.concrete_fields]
        annotations = list(found.query.annotation_select)
        instances = []
        for row in converted:
            instance = model.from_db(connection.alias, names, row[: len(names)])
            for name, value in zip(annotations, row[len(names) :], strict=True):
                setattr(instance, name, value)
            instances.append(instance)
        return instances

    return Statement(text, params, convert)


def insert_statement(rows: Sequence[Model], *, ignore_conflicts: bool = False) -> Statement:
    """Return the statement that inserts `rows`, all of one model, and sets their primary keys.

    With `ignore_conflicts`, rows that conflict with existing ones are skipped, and no primary keys are set.
    """
    model = type(rows[0])
    sets_keys = rows[0].pk is None and not ignore_conflicts
    fields = [field for field in model._meta.local_concrete_fields if not field.generated]
    query = sql.InsertQuery(model, on_conflict=OnConflict.IGNORE if ignore_conflicts else None)
    query.insert_values([field for field in fields if rows[0].pk is not None or not field.primary_key], list(rows))
    compiler: Any = query.get_compiler(connection=connection)
    compiler.returning_fields = [model._meta.pk] if sets_keys else None
    ((text, params),) = compiler.as_sql()

    def convert(keys: list[tuple[Any, ...]]) -> Rows:
        for row, (key,) in zip(rows, keys, strict=True) if sets_keys else ():
            row.pk = key
        for row in rows:
            row._state.adding, row._state.db = False, connection.alias
        return []

    return Statement(text, params, convert)


def update_statement(rows: QuerySet[Any, Any], **values: object) -> Statement:
    """Return the statement that sets these fields of `rows`."""
    query: Any = rows.query.chain(sql.UpdateQuery)
    query.add_update_values(values)
    return Statement(*query.get_compiler(connection=connection).as_sql())


def delete_statement(rows: QuerySet[Any, Any]) -> Statement:
    """Return the statement that deletes `rows`. No other rows may depend on them."""
    query: Any = rows.query.chain(sql.DeleteQuery)
    return Statement(*query.get_compiler(connection=connection).as_sql())


def run(statements: Sequence[Statement]) -> list[Rows]:
    """Run the statements, and return the converted rows of each. Raise django.db.Error."""
    if not statements:
        return []
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            return [_run_one(cursor, statement) for statement in statements]
        # The server accepts separate parameters for a single statement only, so they are written into the text here.
        to_text = connection.Database.ClientCursor(connection.connection).mogrify  # type: ignore[attr-defined]
        with connection.wrap_database_errors:
            text = ";\n".join(to_text(statement.sql, statement.params) for statement in statements)
        cursor.execute(text)
        found = []
        for statement in statements:
            found.append(statement.convert(cursor.fetchall() if cursor.description else []))
            cursor.nextset()
        return found


def run_with_savepoint(required: Sequence[Statement], optional: Sequence[Statement]) -> list[Rows]:
    """Run both lists in one round trip. If `optional` fails, roll back that part only and raise SavepointFailed.

    Raise django.db.Error if `required` fails, or if the transaction can't be kept, for example after a lost
    connection.
    """
    if not optional:
        return run(required)
    begin, end = (Statement(f"{verb} {_SAVEPOINT}") for verb in ("SAVEPOINT", "RELEASE SAVEPOINT"))
    try:
        found = run([*required, begin, *optional, end])
    except Error as error:
        if not _roll_back_savepoint():
            raise
        raise SavepointFailed from error
    return [*found[: len(required)], *found[len(required) + 1 : -1]]


def _roll_back_savepoint() -> bool:
    """Roll back the optional statements. If that fails, mark the transaction for rollback and return False."""
    try:
        # This fails if there is no savepoint yet, which means that `required` has failed.
        connection.savepoint_rollback(_SAVEPOINT)
        # Release it: otherwise a later failure in this transaction would find this old savepoint.
        connection.savepoint_commit(_SAVEPOINT)
    except Error:
        transaction.set_rollback(True)
        return False
    return True


def _run_one(cursor: Any, statement: Statement) -> Rows:
    cursor.execute(statement.sql, statement.params)
    return statement.convert(cursor.fetchall() if cursor.description else [])
