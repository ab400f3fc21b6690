"""`make docs`: the documentation as a site."""
