"""The HTTP calls about health."""
