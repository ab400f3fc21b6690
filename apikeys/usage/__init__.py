"""Usage of keys: counters of the bucket store, rolled up by minute, hour and day."""
