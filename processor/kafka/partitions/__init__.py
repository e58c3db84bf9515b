"""The partitions that are assigned to us: where they begin, what is read of them, what is committed."""
