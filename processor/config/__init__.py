"""What the operator said: the only rooms that know pydantic and YAML. Nothing is connected."""
