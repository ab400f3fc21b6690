"""Shared records: a file from which the workers of a host take what one of them has read."""
