"""gunicorn settings for `controlplane.processes.gunicorn_server`, under gunicorn's names."""

import os
from pathlib import Path
from typing import Any

from controlplane.logs import logging_config
from controlplane.processes.children import die_with_parent
from httpserver.buffer_limit import bound_kernel
from httpserver.descriptors import own_bounds
from httpserver.metric_slots import use_slot
from httpserver.readiness import signal_ready

bind = os.environ["LATCHKEY_BIND"]
backlog = own_bounds().backlog
workers = int(os.environ["WORKERS"])
worker_class = "controlplane.processes.worker.Worker"
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a heartbeat file must not wait for a disk
preload_app = False
umask = 0o077
timeout = 30
# Must be shorter than the supervisor's grace period, which is shorter than the one of containers.
graceful_timeout = 8 + int(os.environ.get("SHUTDOWN_DELAY_SECONDS", "0"))
keepalive = 75
control_socket_disable = True
proc_name = "latchkey"
logconfig_dict = logging_config(os.environ["LOG_LEVEL"], os.environ["LOG_FORMAT"])
logger_class = "gunicorn.glogging.Logger"


def when_ready(server: Any) -> None:
    """Limit the bytes that the kernel buffers for clients that don't read."""
    for listener in server.LISTENERS:
        bound_kernel(listener.sock)


def pre_fork(server: Any, worker: Any) -> None:
    """Give the new worker what it shares with the others, and the lowest free slot, which names its metric files."""
    taken = {other.place for other in server.WORKERS.values()}
    worker.place = next(place for place in range(len(taken) + 1) if place not in taken)
    worker.departure = server.departure
    worker.keeps_listening = bind.startswith("fd://")


def post_fork(server: Any, worker: Any) -> None:
    """Direct the worker's metrics to the files of its slot, before the application creates any metric."""
    die_with_parent()
    use_slot(f"worker{worker.place}")


def post_worker_init(worker: Any) -> None:
    """Signal to the supervisor that a worker accepts requests."""
    signal_ready()


def child_exit(server: Any, worker: Any) -> None:
    """Remove the live gauges of a worker that has ended. Only a running worker can report them."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(f"worker{worker.place}")  # type: ignore[no-untyped-call]
