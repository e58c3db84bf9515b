"""Spans of records and attempts: what is told of them, and how they leave."""
