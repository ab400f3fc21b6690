"""Group with a default command: `latchkey limits KEY_ID` is `latchkey limits show KEY_ID`."""

from typing import Any, Final

from typer.core import TyperGroup

_DEFAULT: Final = "show"
_HELP: Final = ("-h", "--help")
_KEY_ID: Final = "lk_"


class ShowByDefault(TyperGroup):
    """A group that runs its command `show` if a key ID, an option or nothing follows it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return the arguments that follow the group's own."""
        # Any other word is a command, perhaps a mistyped one.
        implied = not args or (args[0].startswith((_KEY_ID, "-")) and args[0] not in _HELP)
        return super().parse_args(ctx, [_DEFAULT, *args] if implied and not ctx.resilient_parsing else args)
