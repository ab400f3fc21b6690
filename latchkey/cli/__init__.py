"""The command `latchkey`: manages keys, events and health of a server remotely."""
