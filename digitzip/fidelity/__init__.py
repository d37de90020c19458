"""Whether an image is near enough to its original, and what is tried where it is not."""
