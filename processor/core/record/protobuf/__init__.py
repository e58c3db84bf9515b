"""Protobuf values as JSON, by the descriptors of their file."""
