"""Schemas of the OpenAPI document."""
