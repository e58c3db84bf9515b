"""What proves to a receiver that a request is ours, and by which it knows an event again."""
