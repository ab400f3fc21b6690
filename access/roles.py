"""Roles of operators: groups with these names, created by a migration."""

from enum import StrEnum


class Role(StrEnum):
    """What an operator may do. Each role includes the permissions of the one before."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
