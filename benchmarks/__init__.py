"""Benchmarks: compare Latchkey with similar software in one run, `python -m benchmarks`."""
