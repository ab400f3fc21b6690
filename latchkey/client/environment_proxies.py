"""Proxies that the environment names for a server: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""

from urllib.request import getproxies, proxy_bypass

from latchkey.client.http1.server import Server


def is_proxied(server: Server) -> bool:
    """Return whether requests to the server may have to go through a proxy."""
    proxies = getproxies()
    if not proxies.get("https" if server.is_encrypted else "http") and not proxies.get("all"):
        return False
    return not proxy_bypass(server.authority)
