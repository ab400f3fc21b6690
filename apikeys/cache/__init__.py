"""Key cache: what a request needs of a key, read once and kept while the database or the bucket store confirms it."""
