"""Roles in the admin: what each allows, in words."""
