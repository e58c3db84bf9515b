"""Decisions on plain objects: nothing here waits, reads a clock, throws dice, logs or touches a network."""
