"""`redis://` and `rediss://`: buckets of several hosts, on Redis 7 or Valkey; one server, Sentinel or Cluster."""
