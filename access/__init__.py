"""Access to the admin: roles, sign-in, lockout, authenticator apps, session age, and the events about all of them."""
