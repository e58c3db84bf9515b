"""Standard error: the one descriptor that a log, a compiler and whoever else of this process write to.

Promise: who holds it may turn it elsewhere for a moment, and no line of the log goes there meanwhile.
Nobody waits long for it, because a pipe that nobody reads holds up who writes to it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

DESCRIPTOR = 2
PATIENCE_SECONDS = 1.0

_held = threading.Lock()


@contextmanager
def held() -> Iterator[None]:
    """Hold it, or go on without where it cannot be had in time."""
    has_it = _held.acquire(timeout=PATIENCE_SECONDS)
    try:
        yield
    finally:
        if has_it:
            _held.release()
