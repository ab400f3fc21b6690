"""Django's settings of the REST framework peer, with a cache in each process and one in Redis."""

import os
from secrets import token_hex

SECRET_KEY = token_hex(32)
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.drf_urls"
INSTALLED_APPS = ["rest_framework", "rest_framework_api_key"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("PEER_DATABASE", ":memory:"),
        "CONN_MAX_AGE": None,  # a connection is kept, as Latchkey's are
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},  # the default of 300 would drop keys with their history
    },
    "redis": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ.get("PEER_REDIS_URL", "redis://127.0.0.1:6379/0"),
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]  # writes Content-Length
API_KEY_CUSTOM_HEADER = "HTTP_X_API_KEY"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
USE_TZ = True
