"""What may start, and what may be committed."""
