"""Archives: `.dz` files written, read, joined, compared and recovered.

This room combines codec and container; it does not know the command line.
"""
