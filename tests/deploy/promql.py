"""The names in a PromQL expression, so far as the kit uses PromQL."""

import re
from dataclasses import dataclass
from typing import Final

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_RANGE: Final = re.compile(r"\[[^\]]*\]")
_GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR: Final = re.compile(r"\b([a-zA-Z_:][\w:]*)\b(?!\s*\()\s*(?:\{([^}]*)\})?")
_OPERATORS: Final = frozenset({"and", "or", "unless", "bool", "offset"})


@dataclass(frozen=True)
class Names:
    """`selectors` are the metrics with the labels that they are picked by; `grouping` are the labels of by, on and so on."""

    selectors: tuple[tuple[str, frozenset[str]], ...]
    grouping: frozenset[str]

    @property
    def metrics(self) -> frozenset[str]:
        return frozenset(metric for metric, _ in self.selectors)


def names(expression: str) -> Names:
    """The names in `expression`. What it does not understand it takes for a metric, which then is found missing."""
    bare = _RANGE.sub("", _STRING.sub('""', expression))
    grouping = frozenset(label for found in _GROUPING.findall(bare) for label in re.findall(r"\w+", found))
    selectors = tuple(
        (metric, frozenset(re.findall(r"(\w+)\s*[=!]", labels)))
        for metric, labels in _SELECTOR.findall(_GROUPING.sub("", bare))
        if metric not in _OPERATORS
    )
    return Names(selectors, grouping)
