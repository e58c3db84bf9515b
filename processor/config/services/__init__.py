"""What stands beside the way of events: services, each with who we are there, and reports."""
