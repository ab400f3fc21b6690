"""Gateway API for other services: whether a request with an API key is allowed."""
