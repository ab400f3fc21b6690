"""Imported keys: their tokens' sources, lookups, first use, and the service that issues them."""
