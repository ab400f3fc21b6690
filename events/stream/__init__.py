"""The live stream: events as they are written, to whoever keeps a connection open."""
