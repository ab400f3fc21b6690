"""The token bucket: an exact limit per key, over every thread, process and host that shares a store."""
