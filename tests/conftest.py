"""For all tests: property tests use the same examples in every run, and a busy machine fails none."""

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
