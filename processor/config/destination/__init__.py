"""The webhook: where it is, what it is sent, how it is recognised, and how we are."""
