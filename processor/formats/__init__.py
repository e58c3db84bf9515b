"""Schemas made decoders: the only rooms that know the compiler of .proto texts. Nothing is connected."""
