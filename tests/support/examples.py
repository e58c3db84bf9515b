"""How properties are searched, by every test alike: the same examples in every run, as long as it takes.

No machine is too slow: what an example costs is measured elsewhere, as a ratio. `pyproject.toml` loads
this module as a plugin.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "same_every_time",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same_every_time")
