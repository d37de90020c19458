"""What can be trained: each job reads from top to bottom."""
