"""Records whose values name their schemas."""
