"""Server of a client: the parts of its address that a connection and a request need."""

from dataclasses import dataclass
from typing import Self

import httpx


@dataclass(frozen=True, slots=True)
class Server:
    """A server. `host` is in ASCII, `authority` is the value of the field Host, and `prefix` is the path of its URL."""

    is_encrypted: bool
    host: str
    port: int
    authority: str
    prefix: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the server at `url`, which `server_url` has checked."""
        parts = httpx.URL(url)
        is_encrypted = parts.scheme == "https"
        return cls(
            is_encrypted=is_encrypted,
            host=parts.raw_host.decode("ascii"),
            port=parts.port or (443 if is_encrypted else 80),
            authority=parts.netloc.decode("ascii"),
            prefix=parts.raw_path.decode("ascii").rstrip("/"),
        )

    @property
    def origin(self) -> str:
        """Return the URL without its path."""
        return f"{'https' if self.is_encrypted else 'http'}://{self.authority}"
