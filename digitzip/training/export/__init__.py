"""Float networks -> verified integer networks and their files."""
