"""Entry point of `python -m latchkey`: runs the `latchkey` command."""

import sys

from latchkey.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
