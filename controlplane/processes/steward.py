"""Steward process of `serve`: runs `manage.py steward` with the same arguments, and counts in its own metric files."""

import sys
from collections.abc import Sequence

from httpserver.metric_slots import use_slot


def run_steward(arguments: Sequence[str]) -> None:
    """Run the steward until a signal ends it. Raise SystemExit."""
    # Before anything else is loaded, so that all metrics count in the steward's files.
    use_slot("steward")
    from manage import main

    sys.argv = ["manage.py", "steward", *arguments]
    main()
