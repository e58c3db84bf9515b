"""Avro values as JSON, by a decoder that is made for their schema."""
