"""The float networks that learn. They must not know loops, files or the integer export."""
