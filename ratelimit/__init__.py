"""Token-bucket rate limiting: an exact limit per key across all threads, processes and hosts that share a bucket
store.
"""
