"""API keys: issued, limited, rotated and revoked by one writer, read from a cache that a change ends at once."""
