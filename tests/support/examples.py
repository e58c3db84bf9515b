"""How properties are searched, by every test alike: the same examples in every run, as long as it takes.

No machine is too slow: what an example costs is measured elsewhere, as a ratio. `pyproject.toml` loads
this module as a plugin. The profile `quick`, of `make quick`, looks at a tenth of the examples.
"""

from hypothesis import HealthCheck, settings

WHOLE, QUICK = "same_every_time", "quick"
EXAMPLES = {WHOLE: 100, QUICK: 10}
"""Examples of a property that says nothing of its own."""

settings.register_profile(
    WHOLE,
    max_examples=EXAMPLES[WHOLE],
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(QUICK, parent=settings.get_profile(WHOLE), max_examples=EXAMPLES[QUICK])
settings.load_profile(WHOLE)


def is_quick() -> bool:
    """Whether few examples are asked for."""
    return settings().max_examples <= EXAMPLES[QUICK]


def examples(number: int) -> int:
    """So many, for a property that needs another number than most; in a quick run the same share of them."""
    return max(1, number * settings().max_examples // EXAMPLES[WHOLE])
