"""Live stream: sends events to open connections as they are written."""
