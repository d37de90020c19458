"""What digitzip claims, measured: `python -m benchmarks` (docs/BENCHMARKS.md)."""
