"""How the server runs: its workers, its bounds on what clients may send, and the processes beside it."""
