"""Query templates: queries that run often with different parameters. Compiling one takes longer than running it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from django.db import connection
from django.db.models import QuerySet

from events.batched_sql import Statement, reading

Build = Callable[[datetime, str], QuerySet[Any, Any]]

_MOMENTS: Final = (datetime(2020, 1, 2, 3, 4, 5, 678901, UTC), datetime(2021, 2, 3, 4, 5, 6, 789012, UTC))
_FAR: Final = datetime(2999, 3, 4, 5, 6, 7, 890123, UTC), "a longer word"
_WORDS: Final = ("first word", "second word")


@dataclass(frozen=True, slots=True)
class _Shifted:
    """A parameter that is the query's time plus `by`."""

    by: timedelta


class _Word:
    """A parameter that is the query's word."""


class Template:
    """The read that `build` creates for a time and a word, compiled to SQL once, at first use.

    It finds the parameters that depend on them by compiling two examples. Raise TypeError if anything else differs
    between the two, for example the SQL or a number.
    """

    def __init__(self, build: Build) -> None:
        self._build = build
        self._made: tuple[Statement, list[object]] | None = None

    def at(self, moment: datetime, word: str = "") -> Statement:
        """Return the statement for `moment` and `word`."""
        if self._made is None:
            self._made = self._make()
            # Check a third, very different example: a time that is clamped would look like a shift in the first two.
            self._compare(*_FAR)
        statement, params = self._made
        return Statement(statement.sql, [_bound(param, moment, word) for param in params], statement.values)

    def _compare(self, moment: datetime, word: str) -> None:
        """Raise TypeError if the template produces a different statement than `build` does."""
        made, plain = self.at(moment, word), reading(self._build(moment, word))
        if (made.sql, list(made.params)) != (plain.sql, list(plain.params)):
            self._made = None
            raise TypeError("a parameter of a template depends on its moment or its word in another way than it seems")

    def _make(self) -> tuple[Statement, list[object]]:
        one, other = (reading(self._build(*given)) for given in zip(_MOMENTS, _WORDS, strict=True))
        if one.sql != other.sql:
            raise TypeError("the SQL of a template depends on its moment or its word")
        return one, [_kind(*pair) for pair in zip(one.params, other.params, strict=True)]


def _kind(one: object, other: object) -> object:
    """Return what a parameter is, given its values in the two examples: a constant, a shifted time or the word."""
    if (one, other) == _WORDS:
        return _Word()
    if one == other:
        return one
    try:
        shifts = {_moment(value) - moment for value, moment in zip((one, other), _MOMENTS, strict=True)}
    except (TypeError, ValueError):
        shifts = set()
    if len(shifts) != 1:
        raise TypeError("a parameter of a template depends on its moment in another way than by a shift")
    return _Shifted(shifts.pop())


def _moment(value: object) -> datetime:
    """Return the time that a database parameter stands for. SQLite's is a text in UTC."""
    found = value if isinstance(value, datetime) else datetime.fromisoformat(cast("str", value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _bound(param: object, moment: datetime, word: str) -> object:
    if isinstance(param, _Shifted):
        return connection.ops.adapt_datetimefield_value(moment + param.by)
    return word if isinstance(param, _Word) else param
