"""The door for other services: whether a key may pass."""
