"""Questions to the brokers: can they be reached, is what we need there and allowed."""
