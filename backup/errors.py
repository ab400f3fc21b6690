"""Backup errors: each message is one line for the operator, without secrets."""


class BackupRefused(Exception):
    """The request is not allowed. Nothing was changed, and the message says what to do instead."""


class BackupFailed(Exception):
    """The backup or restore failed because of a disk, a database or a program that it needs."""
