"""The steward that `serve` starts: manage.py steward with the same arguments, counted beside the workers."""

import sys
from collections.abc import Sequence

from controlplane.server.metric_places import count_as


def run_steward(arguments: Sequence[str]) -> None:
    """Run until a signal ends it. Raises SystemExit."""
    count_as("steward")
    from manage import main

    sys.argv = ["manage.py", "steward", *arguments]
    main()
