"""Integer networks and the entropy coder, in NumPy: the reference for other backends."""
