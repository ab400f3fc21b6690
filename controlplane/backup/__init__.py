"""Backups: the database and the buckets as one directory with a manifest, and the way back."""
