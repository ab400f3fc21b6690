"""Policies: the limits that plans, owners and overrides give to keys in addition to their rate limit."""
