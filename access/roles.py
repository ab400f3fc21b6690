"""The roles of operators: groups of this name, which a migration makes."""

from enum import StrEnum


class Role(StrEnum):
    """What somebody is there to do; each may do all that the one before may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
