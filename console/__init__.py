"""The web admin: the pages by which people see and run the control plane. It owns no rule."""
