"""What the command refuses by itself, before anything is sent."""


class Refusal(Exception):
    """`title` says what, the message why, and `remedy` what to type instead. None of them repeats a secret."""

    def __init__(self, title: str, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.title = title
        self.remedy = remedy
