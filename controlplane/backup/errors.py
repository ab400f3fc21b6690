"""Why there is no backup, or no restore: one line for the operator, without a secret."""


class BackupRefused(Exception):
    """What was asked for is not to be done; nothing was changed. The message says what to do instead."""


class BackupFailed(Exception):
    """It could not be done: a disk, a database or a program that it needs."""
