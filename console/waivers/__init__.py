"""Waivers in the admin: the list, the page of one, the form that grants one, and its end."""
