"""Limits of plans in the admin: their words, their bars, and the pages that override and adjust them."""
