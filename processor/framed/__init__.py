"""Values that a schema registry frames: what their preparation takes."""
