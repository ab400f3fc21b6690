"""Backups: copy the database and the buckets into one directory with a manifest, and restore them."""
