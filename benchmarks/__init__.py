"""Benchmarks: each is ``python -m benchmarks.NAME --json`` and prints one document."""
