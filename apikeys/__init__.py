"""API keys: issued, limited, rotated and revoked by one service, and read through a cache that detects every
change with the next request.
"""
