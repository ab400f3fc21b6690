"""Protection of Python web apps: middlewares, decorators and dependencies that verify each request with Latchkey.

Import the module of your framework: `drf`, `django`, `fastapi`, `flask`, `asgi` or `wsgi`. No module imports another
framework than its own.
"""
