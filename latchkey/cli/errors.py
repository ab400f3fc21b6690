"""Errors of the command itself, as opposed to those of the server."""


class CLIError(Exception):
    """The command refuses to continue.

    `title` says what happened, the message why, and `remedy` what to type instead. None of them repeats a secret.
    """

    def __init__(self, title: str, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.title = title
        self.remedy = remedy
