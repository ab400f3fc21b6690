"""The server: its worker processes, its limits on what clients may send, and the processes that run next to it."""
