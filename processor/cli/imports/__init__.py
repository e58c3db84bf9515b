"""Settings of other senders of webhooks, as settings of ours: one module for each."""
