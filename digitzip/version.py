"""The version of digitzip."""

__version__ = "0.1.0"
