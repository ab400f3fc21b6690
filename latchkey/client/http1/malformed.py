"""What makes a response unusable, below its meaning."""


class MalformedResponse(Exception):
    """Bytes that aren't an HTTP/1 response."""


class ResponseTooLarge(Exception):
    """Response with a larger body than the client accepts."""


class ConnectionLost(Exception):
    """The connection ended before the response was complete."""
