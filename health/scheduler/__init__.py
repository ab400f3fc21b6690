"""Scheduler: the steward runs jobs under a database lease, so one process works at a time."""
