"""Django settings of a server with only REST framework, whose throttle counts in the local-memory cache."""

from secrets import token_hex

SECRET_KEY = token_hex(32)
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.rest_framework_app"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        # The default of 300 entries would evict keys together with their history.
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}
# It adds Content-Length, which `benchmarks.response` requires.
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
USE_TZ = True
