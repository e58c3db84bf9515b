"""How we stand in the consumer group."""
