"""Ready-made configurations for proxies that call /v1/check."""
