"""Plans in the admin: the list, the page of one, the form with its limits, and its deletion."""
