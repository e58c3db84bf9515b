"""How the properties of the core are searched: the same examples in every run, and as long as it takes."""

from hypothesis import settings

settings.register_profile("same_every_time", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("same_every_time")
