"""Benchmarks of Latchkey and its peers: `python -m benchmarks`."""
