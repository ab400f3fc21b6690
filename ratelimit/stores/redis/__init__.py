"""`redis://` and `rediss://`: buckets of several hosts, on Redis 7 or Valkey: a single server, Sentinel or Cluster."""
