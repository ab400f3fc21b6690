"""People in the admin: who may use it, in which role, and the one-time links with which they choose their passwords."""
