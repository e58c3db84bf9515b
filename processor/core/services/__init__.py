"""Services beside the webhook: what their answers mean."""
