"""The broker: the only rooms that know confluent_kafka. Its types and exceptions stop here."""
