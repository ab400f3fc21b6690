"""Access to the admin: people, their roles and links, sign-in, lockout, authenticator apps, sessions, and the events."""
