"""What is changed of letters in Kafka: they are moved by transactions, and deleted."""
