"""Secrets stand in no text that Python makes by itself: not in a log line, not in a traceback."""

import pytest

from bus.messages import VoiceLink
from bus.shared_settings import LlmRoute
from bus.topics import TOPICS
from procs.bot_main.config import DiscordSettings
from procs.bot_main.core.chat import VoicePair
from procs.bot_main.feature_settings import GpuSettings, TextSettings

pytestmark = pytest.mark.unit

SECRET = "tok-9f3c"


@pytest.mark.parametrize(
    "holder",
    [
        DiscordSettings(token=SECRET),
        LlmRoute(api_key=SECRET),
        TextSettings(api_key=SECRET),
        GpuSettings(api_key=SECRET),
        VoiceLink(1, 2, 3, 4, "session", "endpoint", SECRET),
        VoicePair(1, 2, 3, "session", "endpoint", SECRET),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_a_secret_is_not_in_the_text_of_what_holds_it(holder: object):
    assert SECRET not in repr(holder)


def test_all_secret_topics_are_looked_at_here():
    assert {row.message for row in TOPICS.values() if row.secret} == {VoiceLink}
