"""Management command `selftest_limiter`: verifies that the configured bucket store enforces a limit exactly."""

import json
import sys
import time
from multiprocessing import get_context
from typing import Any, Final
from uuid import uuid4

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from latchkey.arguments import whole_number
from latchkey.cli.exit_codes import COULD_NOT, REFUSED
from ratelimit.checks import SETTINGS
from ratelimit.limit import Limit
from ratelimit.stores import BucketStoreError, open_store

TIMEOUT_SECONDS: Final = 5.0
"""Time-out of one response. It is long, because the test itself keeps the machine busy."""
MAX_NUMBER: Final = 1_000_000


class Command(BaseCommand):
    """Management command that sends parallel requests from several processes to one bucket of the configured store."""

    requires_system_checks = [SETTINGS]
    help = "Send parallel requests to the configured bucket store, and check that it allows exactly the limit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--processes", type=whole_number(1, MAX_NUMBER), default=4, help="default: 4")
        parser.add_argument(
            "--requests", type=whole_number(1, MAX_NUMBER), default=5000, help="per process; default: 5000"
        )
        parser.add_argument("--burst", type=whole_number(), default=1000, help="default: 1000")
        parser.add_argument("--per-seconds", type=whole_number(), default=3600, help="default: 3600")
        parser.add_argument("--format", choices=["table", "json"], default="table", help="default: table")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            limit = Limit(options["burst"], options["per_seconds"])
        except ValueError as error:
            raise CommandError(f"{error}.", returncode=REFUSED) from None
        key = f"selftest:{uuid4().hex}".encode()
        processes, requests = options["processes"], options["requests"]
        started = time.time_ns()
        # A forked child would inherit the open LMDB environment and sockets of this process, which is not safe.
        context = get_context("spawn")
        try:
            with context.Pool(processes) as pool:
                admitted = sum(
                    pool.starmap(send_requests, [(settings.BUCKET_STORE_URL, key, limit, requests)] * processes)
                )
            seconds = (time.time_ns() - started) / 1e9
            open_store(settings.BUCKET_STORE_URL, timeout=TIMEOUT_SECONDS).forget(key)
        except BucketStoreError as error:
            raise CommandError(f"BUCKET_STORE_URL: {error}", returncode=COULD_NOT) from None
        requested = processes * requests
        # The bucket refills while the test runs, so more than `burst` tokens may be taken.
        most = int(limit.burst + seconds * limit.burst / limit.per_seconds)
        result = {
            "store": settings.BUCKET_STORE_URL.partition("://")[0],
            "processes": processes,
            "asked": requested,
            "admitted": admitted,
            "at_least": min(requested, limit.burst),
            "at_most": min(requested, most),
            "exact": min(requested, limit.burst) <= admitted <= most,
        }
        if options["format"] == "json":
            self.stdout.write(json.dumps(result, indent=2))
        else:
            self.stdout.write("\n".join(f"{name:<10} {value}" for name, value in result.items()))
        if not result["exact"]:
            sys.exit(REFUSED)


def send_requests(url: str, key: bytes, limit: Limit, requests: int) -> int:
    """Take one token `requests` times. Return how often the token was granted."""
    store = open_store(url, timeout=TIMEOUT_SECONDS)
    return sum(store.take(key, limit)[0] for _ in range(requests))
