"""Latchkey's shared types: what the server, the remote CLI and the client have in common. No Django here."""

__version__ = "0.1.0"
