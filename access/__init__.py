"""Access to the admin: people, roles, one-time links, sign-in, lockout, authenticator apps, sessions, and events."""
