"""The live stream of events over HTTP: Django opens it, the event loop keeps it."""
