"""Web admin: the pages with which operators watch and run the control plane. It contains no business rules."""
