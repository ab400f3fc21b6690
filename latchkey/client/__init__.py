"""Typed client of Latchkey's API: `latchkey.Client`, what its calls return, and what they raise."""
