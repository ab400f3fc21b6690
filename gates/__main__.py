"""`python -m gates [--all-required] [--list] [NAME...]`: runs the source gates."""

import sys

from gates.command import main
from gates.source import SOURCE_GATES

if __name__ == "__main__":
    sys.exit(main("gates", SOURCE_GATES, sys.argv[1:]))
