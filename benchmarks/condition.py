"""What has to hold of a measurement."""

import operator
from dataclasses import dataclass
from typing import Final, Literal

Relation = Literal["<", "<=", ">=", "=="]

_HOLDS: Final = {"<": operator.lt, "<=": operator.le, ">=": operator.ge, "==": operator.eq}


@dataclass(frozen=True, slots=True)
class Condition:
    """`value`, which `text` describes, stands in `relation` to `bound`."""

    text: str
    value: float
    relation: Relation
    bound: float

    @property
    def holds(self) -> bool:
        """Whether it is so. The value counts as it was measured, not as it is shown."""
        return bool(_HOLDS[self.relation](self.value, self.bound))


def shown(value: float) -> str:
    """A value or a bound as people read it: a count whole, all else with three digits."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"
