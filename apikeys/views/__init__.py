"""REST views of keys, events and webhooks."""
