"""Who we are to the webhook: what proves it, put on when a request leaves, and read or fetched anew."""
