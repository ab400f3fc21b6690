"""Redis servers that stand together (Sentinels, a Cluster), and one with a certificate."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trustme

from tests.support.redis_server import RedisServer, running
from tests.support.waiting import wait_until


@dataclass
class Sentinel(RedisServer):
    """One that watches the master on a port, under the name `main`, with two others."""

    master_port: int = 0

    def options(self) -> list[str]:
        config = Path(self.directory) / "sentinel.conf"
        config.write_text(
            f"sentinel monitor main 127.0.0.1 {self.master_port} 2\n"
            "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
        )
        return [str(config), "--sentinel"]


@contextmanager
def cluster(nodes: int = 3) -> Iterator[str]:
    """A Cluster of masters; its address."""
    servers = [
        RedisServer(("--cluster-enabled", "yes", "--cluster-config-file", f"nodes-{at}.conf")) for at in range(nodes)
    ]
    with running(*servers):
        hosts = [f"127.0.0.1:{server.port}" for server in servers]
        subprocess.run(
            ["redis-cli", "--cluster", "create", *hosts, "--cluster-yes"], check=True, capture_output=True, timeout=60
        )
        for server in servers:
            wait_until(partial(_knows_all, server, nodes), "the cluster")
        yield f"redis://{','.join(hosts)}?cluster=true"


def _knows_all(server: RedisServer, nodes: int) -> bool:
    with server.client() as client:
        info = client.execute_command("CLUSTER INFO")
    text = info.decode() if isinstance(info, bytes) else str(info)
    return ("cluster_state:ok" in text or "'cluster_state': 'ok'" in text) and str(nodes) in text


def certified(directory: Path, name: str, *arguments: str) -> tuple[RedisServer, Path]:
    """A server that speaks TLS on the port above its own, with a certificate for `name`, and the file of its authority."""
    authority = trustme.CA()
    certificate = authority.issue_cert(name)
    ca, chain, key = directory / "ca.pem", directory / "cert.pem", directory / "key.pem"
    authority.cert_pem.write_to_path(ca)
    certificate.private_key_pem.write_to_path(key)
    certificate.cert_chain_pems[0].write_to_path(chain)
    server = RedisServer()
    files = ("--tls-cert-file", str(chain), "--tls-key-file", str(key), "--tls-ca-cert-file", str(ca))
    server.arguments = ("--tls-port", str(server.port + 1), "--tls-auth-clients", "no", *files, *arguments)
    return server, ca
