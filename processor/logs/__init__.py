"""Lines on standard error: the only rooms that configure structlog. No call here blocks or raises."""
