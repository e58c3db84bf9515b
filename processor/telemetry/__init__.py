"""What operators see: metrics, and what passes. The only rooms that know prometheus_client."""
