"""Live event stream over HTTP: Django authorizes it, then the event loop serves it."""
