"""HTTP server: uvicorn's protocol with limits on clients, a fast path ahead of ASGI, and graceful shutdown."""
