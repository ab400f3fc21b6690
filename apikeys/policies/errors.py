"""Errors of calls about plans, owners and limits. `slug` is the stable name of the problem."""

from latchkey.problems import ProblemError


class PlanNotFound(ProblemError):
    """Error: there is no plan with this name."""

    slug = "not-found"


class OwnerNotFound(ProblemError):
    """Error: there is no owner with this slug."""

    slug = "not-found"


class OverrideNotFound(ProblemError):
    """Error: there is no override with this ID."""

    slug = "not-found"


class LimitNotFound(ProblemError):
    """Error: the key or owner has no limit of this name."""

    slug = "not-found"


class InUse(ProblemError):
    """Error: a plan or an owner can't be deleted, because keys or owners refer to it."""

    slug = "in-use"
