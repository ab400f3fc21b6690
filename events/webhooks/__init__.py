"""Webhooks: send the event log to receivers, signed, in order, and at least once."""
