"""Callers of keys: from which addresses and services each key is used, sampled in memory and written in bulk."""
