"""How long tests wait for what has to come.

Promise: it is no measure. A test that passes does not wait for it, on however slow and busy a machine, and
one that fails still says for what it waited: pytest's own limit is 300 seconds.
"""

PATIENCE = 120.0
"""Seconds."""
