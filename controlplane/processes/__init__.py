"""Process supervision: the web server, its workers and the steward."""
