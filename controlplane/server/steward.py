"""The steward that `serve` starts: manage.py steward with the same arguments, counted beside the workers."""

import sys

from controlplane.server.metric_files import count_as

if __name__ == "__main__":
    count_as("steward")
    from manage import main

    sys.argv = ["manage.py", "steward", *sys.argv[1:]]
    main()
