"""Scores -> CDF tables; codes and residuals <-> bytes."""
