"""Hostile schemas and values for the decoders, made by chance and found again by their number."""
