"""Native endpoints for /v1/check and /v1/verify, which other services call. They bypass Django."""
