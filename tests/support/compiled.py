"""What is compiled once is kept: a run starts hundreds of processes, which load the same modules.

Containers often forbid it by PYTHONDONTWRITEBYTECODE, for the sake of images. Half of what it takes to
collect tests, and a quarter of each start of the processor, would go into compiling. `pyproject.toml` loads
this module as a plugin, before all others.
"""

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
