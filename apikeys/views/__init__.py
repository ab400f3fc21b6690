"""The REST calls about keys."""
