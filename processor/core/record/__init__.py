"""What a record says: from its value and headers to an event, or bytes to be sent; or EventError."""
