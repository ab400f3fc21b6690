"""The command `latchkey`: everything about keys, events and health of a server, from afar."""
