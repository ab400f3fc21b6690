"""The command line that lists and runs gates."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from gates.run import run
from gates.verdict import Gate


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and exit 2."""
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(2)


def main(program: str, gates: Sequence[Gate], arguments: Sequence[str]) -> int:
    """Runs the gates that are named, or all. Returns the exit."""
    parser = _Parser(prog=program, description="Judges whether this may be released.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a gate; all where none is named")
    parser.add_argument("--all-required", action="store_true", help="a gate that cannot be judged fails too")
    parser.add_argument("--list", action="store_true", help="say what each gate claims, and run none")
    options = parser.parse_args(arguments)
    by_name = {gate.name: gate for gate in gates}
    unknown = [name for name in options.names if name not in by_name]
    if unknown:
        parser.error(f"no gate is named {', '.join(unknown)}; there are {', '.join(by_name)}")
    chosen = [gate for gate in gates if not options.names or gate.name in options.names]
    if options.list:
        width = max(len(gate.name) for gate in chosen)
        print("\n".join(f"{gate.name:<{width}}  {gate.claim}" for gate in chosen))
        return 0
    return run(chosen, all_required=options.all_required)
