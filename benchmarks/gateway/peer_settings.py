"""Django settings of the comparison server: REST framework, djangorestframework-api-key, and a cache in Redis."""

import os
from secrets import token_hex

SECRET_KEY = token_hex(32)
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.gateway.peer_urls"
INSTALLED_APPS = ["rest_framework", "rest_framework_api_key"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["PEER_DATABASE"],
        # Persistent connections, like Latchkey's.
        "CONN_MAX_AGE": None,
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["PEER_REDIS_URL"],
        "KEY_PREFIX": os.environ["PEER_PREFIX"],
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
# It adds Content-Length to the responses.
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
API_KEY_CUSTOM_HEADER = "HTTP_X_API_KEY"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
USE_TZ = True
