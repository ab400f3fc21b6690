"""The native door of /v1/check and /v1/verify: other services ask here, ahead of Django."""
