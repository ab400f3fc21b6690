"""Node: what one host checks and maintains itself, whichever host the steward runs on."""
