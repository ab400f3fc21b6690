"""HTTP/1.1 for short calls: one request as one message, and its whole response, over kept connections."""
