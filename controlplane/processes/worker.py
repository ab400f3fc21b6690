"""gunicorn worker: uvicorn on uvloop and httptools, with Latchkey's limits and without uvicorn's proxy detection."""

import asyncio
import gc
import sys
from contextlib import suppress
from typing import Any, Final

from django.conf import settings
from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker

from httpserver.fast_path_protocol import FastPathProtocol
from httpserver.shutdown_barrier import ShutdownBarrier

LAST_SPANS_SECONDS: Final = 2.0
"""How long a worker that stops waits for the collector of traces, which may be down."""


class Worker(UvicornWorker):  # type: ignore[misc]
    """Worker that serves `controlplane.asgi`.

    The client address in the scope is always the connection's own. `apikeys.client_address` alone interprets
    X-Forwarded-For, according to TRUSTED_PROXIES.
    """

    CONFIG_KWARGS: dict[str, Any] = {
        "loop": "uvloop",
        "http": FastPathProtocol,
        "ws": "none",
        "lifespan": "off",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        # With the draining time, this must be less than gunicorn's timeout, so that cleanup after the loop can run.
        "timeout_graceful_shutdown": 5,
    }
    barrier: ShutdownBarrier
    keeps_listening: bool

    async def _serve(self) -> None:
        # Import here: Django is set up only after the worker has loaded the application.
        from apikeys.cache.key_cache import default_key_cache
        from apikeys.callers.writer import CallerWriter, write_callers_forever, write_last_callers
        from apikeys.peppers import configured_peppers
        from apikeys.policies.policies import default_policies
        from apikeys.policies.quota_writer import write_last_quotas, write_quotas_forever
        from events.lock_timeout import limit_sqlite_waits
        from events.thread_pool import ThreadPool
        from health.cached_response import current_health
        from health.scheduler.steward_probe import probe_steward
        from httpserver.draining import DrainingServer
        from httpserver.response_metrics import CHECK_RESPONSES
        from httpserver.tracing import shutdown_tracing
        from ratelimit.limiter import default_limiter

        limit_sqlite_waits()
        limiter = default_limiter()
        limiter.prepare()
        # Before the first request: the feed drops all records that were read before it begins, and its thread reads the
        # policies.
        policies = default_policies()
        default_key_cache().share(settings.DATA_DIR / "records", configured_peppers())
        default_key_cache().poller.start()
        tasks = [asyncio.create_task(probe_steward()), asyncio.create_task(current_health().refresh_forever())]
        tasks.append(asyncio.create_task(write_quotas_forever(policies.writer)))
        callers = CallerWriter()
        if settings.RECORD_CALLERS:
            tasks.append(asyncio.create_task(write_callers_forever(callers)))

        async def clean_up() -> None:
            for task in tasks:
                task.cancel()
            CHECK_RESPONSES.flush()
            await write_last_quotas(policies.writer)
            await write_last_callers(callers)
            await limiter.close_async()
            with suppress(TimeoutError):
                await ThreadPool("last-spans", 1, timeout_seconds=LAST_SPANS_SECONDS).run(shutdown_tracing)

        self.config.app = self.wsgi
        server = DrainingServer(
            self.config,
            self.barrier,
            settings.SHUTDOWN_DELAY_SECONDS,
            keeps_listening=self.keeps_listening,
            # Not after `serve`: uvicorn raises the signal that stopped it again, and the process ends there.
            on_stopped=clean_up,
        )
        self._install_sigquit_handler()
        # Not gunicorn's wrappers: uvloop closes their sockets, then calls their `close`, which logs that it can't.
        await server.serve(sockets=[wrapper.sock for wrapper in self.sockets])
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    def run(self) -> None:
        """Run the worker until it is stopped."""
        # Everything loaded so far stays in memory, so exclude it from garbage collection. A full collection, for
        # example while hundreds of streams are opened, would otherwise stop the event loop for about 60 ms.
        gc.collect()
        gc.freeze()
        super().run()
