"""How the admin writes values, by language; Django looks here before its own formats."""
