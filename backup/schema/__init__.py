"""Database schema: the migration files, and the tables that a database actually has."""
