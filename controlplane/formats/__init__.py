"""Formats of the admin by language. Django looks here before its own formats."""
