"""Ready configurations for proxies that ask /v1/check."""
