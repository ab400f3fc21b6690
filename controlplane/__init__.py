"""Django project: wires the apps together and contains no business rules."""
