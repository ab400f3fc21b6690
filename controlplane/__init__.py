"""The Django project: it wires the apps together and owns no rule."""
