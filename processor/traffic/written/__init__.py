"""What is written of records to topics of ours, until it is acknowledged."""
