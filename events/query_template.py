"""Query templates: queries that run often with different parameters. Compiling one takes longer than running it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from django.db import connection
from django.db.models import QuerySet

from events.batched_sql import Statement, select_statement

Build = Callable[[datetime, str], QuerySet[Any, Any]]

_EXAMPLE_TIMES: Final = (datetime(2020, 1, 2, 3, 4, 5, 678901, UTC), datetime(2021, 2, 3, 4, 5, 6, 789012, UTC))
_THIRD_EXAMPLE: Final = datetime(2999, 3, 4, 5, 6, 7, 890123, UTC), "a longer word"
_EXAMPLE_TEXTS: Final = ("first word", "second word")


@dataclass(frozen=True, slots=True)
class _ShiftedTime:
    """A parameter that is the query's time plus `by`."""

    by: timedelta


class _TextParameter:
    """A parameter that is the query's word."""


class QueryTemplate:
    """The read that `build` creates for a time and a word, compiled to SQL once, at first use.

    It finds the parameters that depend on them by compiling two examples. Raise TypeError if anything else differs
    between the two, for example the SQL or a number.
    """

    def __init__(self, build: Build) -> None:
        self._build = build
        self._compiled: tuple[Statement, list[object]] | None = None

    def at(self, moment: datetime, word: str = "") -> Statement:
        """Return the statement for `moment` and `word`."""
        if self._compiled is None:
            self._compiled = self._compile()
            # Check a third, very different example: a time that is clamped would look like a shift in the first two.
            self._compare(*_THIRD_EXAMPLE)
        statement, params = self._compiled
        return Statement(statement.sql, [_bind(param, moment, word) for param in params], statement.convert)

    def _compare(self, moment: datetime, word: str) -> None:
        """Raise TypeError if the template produces a different statement than `build` does."""
        compiled, plain = self.at(moment, word), select_statement(self._build(moment, word))
        if (compiled.sql, list(compiled.params)) != (plain.sql, list(plain.params)):
            self._compiled = None
            raise TypeError("a parameter of a template depends on its moment or its word in another way than it seems")

    def _compile(self) -> tuple[Statement, list[object]]:
        one, other = (
            select_statement(self._build(*given)) for given in zip(_EXAMPLE_TIMES, _EXAMPLE_TEXTS, strict=True)
        )
        if one.sql != other.sql:
            raise TypeError("the SQL of a template depends on its moment or its word")
        return one, [_classify(*pair) for pair in zip(one.params, other.params, strict=True)]


def _classify(one: object, other: object) -> object:
    """Return what a parameter is, given its values in the two examples: a constant, a shifted time or the word."""
    if (one, other) == _EXAMPLE_TEXTS:
        return _TextParameter()
    if one == other:
        return one
    try:
        shifts = {_parse_time(value) - moment for value, moment in zip((one, other), _EXAMPLE_TIMES, strict=True)}
    except (TypeError, ValueError):
        shifts = set()
    if len(shifts) != 1:
        raise TypeError("a parameter of a template depends on its moment in another way than by a shift")
    return _ShiftedTime(shifts.pop())


def _parse_time(value: object) -> datetime:
    """Return the time that a database parameter stands for. SQLite's is a text in UTC."""
    found = value if isinstance(value, datetime) else datetime.fromisoformat(cast("str", value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _bind(param: object, moment: datetime, word: str) -> object:
    if isinstance(param, _ShiftedTime):
        return connection.ops.adapt_datetimefield_value(moment + param.by)
    return word if isinstance(param, _TextParameter) else param
