"""Webhooks: the event log, sent to where somebody waits for it, signed, in order and at least once."""
