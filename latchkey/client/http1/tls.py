"""TLS of a client: which authorities it trusts."""

import ssl

import httpx


def tls_context(*, is_encrypted: bool) -> ssl.SSLContext:
    """Return the context of a client's connections: it trusts those of SSL_CERT_FILE, SSL_CERT_DIR or certifi.

    Raises OSError or ssl.SSLError if the environment names a file that can't be used.
    """
    if not is_encrypted:
        # Loading certificates takes longer than a call. Without any, this context trusts no server.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
