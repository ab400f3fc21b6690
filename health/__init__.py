"""Health of the control plane, and the steward: the background worker that maintains it."""
