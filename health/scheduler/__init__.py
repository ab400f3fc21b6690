"""Background work: the steward runs jobs under a database lease, so one process does them; each node has a monitor."""
