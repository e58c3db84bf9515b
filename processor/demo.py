"""Stub until the demo lands."""


def demo(keep: bool) -> int:
    """Nothing yet."""
    return int(keep)
