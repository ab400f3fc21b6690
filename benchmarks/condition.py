"""Conditions that a measurement must meet."""

import operator
from dataclasses import dataclass
from typing import Final, Literal

Relation = Literal["<", "<=", ">=", "=="]

_HOLDS: Final = {"<": operator.lt, "<=": operator.le, ">=": operator.ge, "==": operator.eq}


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition that `value` is in `relation` to `bound`; `text` describes the value."""

    text: str
    value: float
    relation: Relation
    bound: float

    @property
    def holds(self) -> bool:
        """Whether the condition holds."""
        # The value as measured, not as it is shown: rounding must not decide.
        return bool(_HOLDS[self.relation](self.value, self.bound))


def shown(value: float) -> str:
    """Return a value or a bound formatted for people: whole numbers in full, others with three significant digits."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"
