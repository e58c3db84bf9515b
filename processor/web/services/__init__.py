"""Services beside the webhook: questions to them, and tokens that they give."""
