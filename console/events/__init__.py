"""Event log in the admin: the list with its filters, its export, and the page of one event."""
