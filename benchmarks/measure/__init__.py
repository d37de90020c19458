"""What is measured, part by part; peers and reports are rooms of their own."""
