"""Traces that records belong to: what is passed on of them, and which are followed."""
