"""Who may use the admin: roles, sign-in, lockout, authenticators, the age of sessions, and what is told of them."""
