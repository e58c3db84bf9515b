"""How many requests, how fast, and when none."""
