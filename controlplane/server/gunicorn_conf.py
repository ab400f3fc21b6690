"""gunicorn's configuration: read by `manage.py serve`'s gunicorn as python:controlplane.server.gunicorn_conf."""

import os
from pathlib import Path
from typing import Any

from controlplane.logs import logging_config
from controlplane.server.metric_files import count_as
from controlplane.server.processes import die_with_parent

bind = os.environ["LATCHKEY_BIND"]
workers = int(os.environ["WORKERS"])
worker_class = "controlplane.server.worker.Worker"
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a heartbeat file must not wait for a disk
preload_app = False
umask = 0o077
timeout = 30
graceful_timeout = 8  # below the supervisor's, which is below that of containers
keepalive = 75
control_socket_disable = True
proc_name = "latchkey"
logconfig_dict = logging_config(os.environ["LOG_LEVEL"], os.environ["LOG_FORMAT"])
logger_class = "gunicorn.glogging.Logger"


def pre_fork(server: Any, worker: Any) -> None:
    """Gives the new worker the lowest place that is free, by which its metric files are named."""
    taken = {other.place for other in server.WORKERS.values()}
    worker.place = next(place for place in range(len(taken) + 1) if place not in taken)


def post_fork(server: Any, worker: Any) -> None:
    """Makes the worker's metrics those of its place, before the application makes any."""
    die_with_parent()
    count_as(f"worker{worker.place}")


def child_exit(server: Any, worker: Any) -> None:
    """Forgets what only a living worker can say of itself (its live gauges)."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(f"worker{worker.place}")  # type: ignore[no-untyped-call]
