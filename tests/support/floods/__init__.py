"""Floods: what clients without a credential send to starve those with one, and what that does to a server."""
