"""Rules of a middleware: what the requests to a path need."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from latchkey.problems import ProblemError

_AMBIGUOUS: Final = re.compile(r"//|/\.\.?(/|$)|\\")


class AmbiguousPath(ProblemError):
    """Error: the path has an empty segment, a dot segment or a backslash, so an app may take it for another path."""

    slug = "not-found"


@dataclass(frozen=True, slots=True)
class Rule:
    """What requests to `path`, and to paths below it, need: all of `scopes`, `cost` tokens, and `costs` in other units.

    `methods` restricts it to these methods, GET includes HEAD; empty is all. Requests to a `public` path need no key.
    """

    path: str
    scopes: Sequence[str] = ()
    cost: int = 1
    methods: Sequence[str] = ()
    public: bool = False
    costs: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError for a path without a slash at its beginning, and TypeError for a text in place of a list."""
        if not self.path.startswith("/"):
            raise ValueError("the path of a rule must begin with /")
        # A text is a sequence too: each of its characters would be a scope.
        if isinstance(self.scopes, str) or isinstance(self.methods, str):
            raise TypeError("the scopes and methods of a rule must be lists")

    def matches(self, method: str, path: str) -> bool:
        """Return whether the rule is for this request."""
        # Frameworks answer HEAD with the view for GET.
        if self.methods and ("GET" if method == "HEAD" else method) not in self.methods:
            return False
        # An app may answer /orders and /orders/ with the same view.
        base = self.path.rstrip("/")
        return path == base or path.startswith(base + "/")


_EVERY_REQUEST: Final = Rule("/")


def rule_for(rules: Sequence[Rule], method: str, path: str) -> Rule:
    """Return the first of `rules` that is for this request; without one, the request needs a key.

    Raises AmbiguousPath for a path that an app may resolve to another one, which another rule is for.
    """
    if rules and _AMBIGUOUS.search(path):
        raise AmbiguousPath("The path has an empty segment, a dot segment or a backslash. Send it without.")
    return next((rule for rule in rules if rule.matches(method, path)), _EVERY_REQUEST)
