"""Key IDs of a command that changes several keys: typed, or read from standard input."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from latchkey.cli.errors import CLIError
from latchkey.credentials import KEY_ID_PATTERN

if TYPE_CHECKING:
    from latchkey.cli.invocation import Invocation

STANDARD_INPUT: Final = "-"
MAX_KEYS: Final = 10_000

_Result = TypeVar("_Result")


def read_key_ids(typed: Sequence[str], *, if_match: str | None = None) -> list[str]:
    """Return each key ID once, in order; `-` stands for those on standard input, the first word of each line.

    Raises CLIError before anything is changed, also if there are several and one ETag for them.
    """
    words = [word for given in typed for word in (_from_standard_input() if given == STANDARD_INPUT else [given])]
    key_ids = list(dict.fromkeys(words))
    if not key_ids:
        raise CLIError("No key", "Standard input has no key ID.", "Pipe key IDs: latchkey keys list -o name | …")
    if len(key_ids) > MAX_KEYS:
        raise CLIError("Too many keys", f"One command changes at most {MAX_KEYS:,} keys.", "Split the list.")
    if if_match is not None and len(key_ids) > 1:
        raise CLIError("One ETag for several keys", "An ETag belongs to one key.", "Name one key, or leave it out.")
    return key_ids


def for_each(invocation: "Invocation", key_ids: Sequence[str], call: Callable[[str], _Result]) -> list[_Result]:
    """Return the results of `call` for each key. If some of several fail, report them and go on.

    The command then ends with the exit code of the failures. The error about a single key is raised. After an error
    that isn't about the key, the rest isn't tried.
    """
    if len(key_ids) == 1:
        return [call(key_ids[0])]
    from latchkey.cli.error_messages import error_message
    from latchkey.client.failures import ReceivedProblem

    results = []
    for key_id in key_ids:
        try:
            results.append(call(key_id))
        except ReceivedProblem as problem:
            if problem.status not in _ABOUT_THE_KEY:
                _say_where_it_stopped(invocation, key_ids, key_id)
                raise
            print(f"{key_id}: {error_message(problem)}", file=sys.stderr, flush=True)
            invocation.refused = True
        except BaseException:
            # Ctrl-C too: whatever ends it, the keys before this one have been changed.
            _say_where_it_stopped(invocation, key_ids, key_id)
            raise
    return results


def _say_where_it_stopped(invocation: "Invocation", key_ids: Sequence[str], key_id: str) -> None:
    position = key_ids.index(key_id)
    invocation.say(f"stopped at {key_id}; {position} of {len(key_ids)} keys came before it")


_ABOUT_THE_KEY: Final = (403, 404, 409, 412, 422)


def _from_standard_input() -> list[str]:
    words = [line.split()[0] for line in sys.stdin if line.strip()]
    # A line may hold a whole credential, so the message never repeats it.
    wrong = next((number for number, word in enumerate(words, 1) if not KEY_ID_PATTERN.fullmatch(word)), None)
    if wrong is not None:
        detail = f"Entry {wrong} on standard input isn't a key ID: lk_ and 12 characters of 0-9 and a-z."
        raise CLIError("Not a key ID", f"{detail} Nothing was changed.", "latchkey keys list -o name prints key IDs.")
    return words
