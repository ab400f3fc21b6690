"""Owners in the admin: the list, the page of one, and what can be done to it."""
