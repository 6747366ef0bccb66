"""Property tests of this room: the same cases each time, and no clock that a busy machine could lose."""

from hypothesis import settings

settings.register_profile("tts_server", deadline=None, derandomize=True)
settings.load_profile("tts_server")
