"""Third-party libraries that a command of Latchkey loads, for the process that commands are forked from.

Only those that read no settings of Django's as they are imported: a command loads the rest, and all of Latchkey, itself.
"""

import argon2  # noqa: F401
import django.contrib.postgres.fields
import django.core.management
import django.core.serializers.json
import django.db.backends.postgresql.psycopg_any
import django.db.migrations.loader
import django.db.models
import django.forms
import django.http
import django.template.loader
import django.test
import django.urls
import django.views.generic  # noqa: F401
import django_prometheus.exports  # noqa: F401
import drf_spectacular  # noqa: F401
import environ  # noqa: F401
import httpx  # noqa: F401
import lmdb  # noqa: F401
import markdown_it  # noqa: F401
import prometheus_client  # noqa: F401
import psycopg  # noqa: F401
import redis.asyncio  # noqa: F401
import requests  # noqa: F401
import rich.pretty
import rich.traceback  # noqa: F401
import structlog  # noqa: F401
import yaml  # noqa: F401
