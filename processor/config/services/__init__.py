"""Services beside the brokers and the webhook, each with where it is and who we are there."""
