"""What an event asks for: from bytes to a request, or EventError."""
