"""A schema registry: what its answers mean, which schemas are known, and what a record waits for."""
