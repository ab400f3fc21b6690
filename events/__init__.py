"""Event log: what happened, who did it, and the proof that nothing was changed since."""
