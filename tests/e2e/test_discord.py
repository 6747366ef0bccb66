"""Miku in Discord as people meet her: join, prompt, hear, leave; every refusal; whatever dies."""

import signal
from collections.abc import Iterator

import pytest

from tests.discord.tone_reader import letters
from tests.e2e.discord_home import ANSWER, DiscordHome, discord_home
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

FEW = 5
"""Frames by which a busy machine may swap two sockets."""
LONG = "She says this sentence, and then another one follows, and one more after that. " * 3


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiscordHome]:
    with discord_home(tmp_path_factory.mktemp("discord")) as home:
        yield home


@pytest.fixture
def lounge(home: DiscordHome) -> Iterator[DiscordHome]:
    """In a session, with Ann listening."""
    home.joins()
    yield home
    home.leaves()


def hears(home: DiscordHome, words: str, before: str = "") -> None:
    """Wait until exactly these words were heard after `before`."""
    wait_until(lambda: home.words() == before + letters(words), 40)


def test_up_and_status_tell_how_to_invite_her(home):
    invite = "Invite her into a Discord server: https://"
    wait_until(lambda: invite in home.stack.up_log.read_text())
    assert invite in home.stack.miku("status").stdout


def test_a_prompt_is_heard_whole_and_in_order_and_she_leaves(home):
    home.joins()
    assert "🎤 Joined Lounge! Send messages here to make me speak." in home.texts()
    before = home.words()
    prompt = home.says("Sing for us")
    wait_until(lambda: "🎤" in home.reactions(prompt))
    hears(home, ANSWER, before)
    wait_until(lambda: home.heard()["utterances"][-1]["is_over"])
    heard = home.heard()
    assert heard["violations"] == []
    assert heard["clear"] == 0
    assert heard["unannounced"] <= FEW, "the indicator travels ahead of the sound, by another socket"
    assert all(one["silences"] == 5 for one in heard["utterances"])
    assert home.answer("!miku leave") == "👋 Left voice channel!"
    wait_until(lambda: home.bot.voice() is None)
    assert home.answer("!miku leave") == "❌ I'm not in a voice channel!"


def test_the_voice_reads_out_what_say_is_given(lounge):
    before = lounge.words()
    lounge.says("!miku say Read this out please.")
    hears(lounge, "Read this out please.", before)
    assert lounge.words() == before + letters("Read this out please."), "once, and nothing besides"


def test_what_is_longer_than_the_server_wants_to_hear_ends_with_a_sentence(lounge):
    assert lounge.answer("!miku settings max_spoken_s 1", who="Owner").startswith("✅ `max_spoken_s` = 1")
    before = lounge.words()
    said = lounge.answer("!miku say This sentence takes more than a second. Nobody hears this one.")
    assert said.startswith("📜 That is longer than I may speak here")
    assert lounge.words() == before + letters("This sentence takes more than a second.")
    assert "(default)" in lounge.answer("!miku settings max_spoken_s default", who="Owner")


def test_status_presence_and_stop(lounge):
    wait_until(lambda: "🎤 In Voice Chat" in str(lounge.bot.presence()))
    said = lounge.answer("!miku voice-status")
    assert said.startswith("🎤 **Voice Session Active**\nVoice Channel: Lounge\nPrompt Channel: <#")
    before = lounge.words()
    lounge.says(f"!miku say {LONG}")
    wait_until(lambda: len(lounge.words()) > len(before) + 5)
    lounge.says("!miku stop")
    wait_until(lambda: lounge.heard()["utterances"][-1]["is_over"])
    assert len(lounge.words()) < len(before + letters(LONG))


def test_the_same_by_slash(home):
    home.remote.person("Ann").joins(place="Lounge")
    asked = home.remote.person("Ann").uses(command="miku join", place="general")
    wait_until(lambda: home.bot.voice() == "Lounge")
    wait_until(lambda: any(text.startswith("🎤 Joined Lounge!") for text in home.bot.texts()))
    assert asked["answered_after_ms"] is None or asked["answered_after_ms"] < 1_000
    home.remote.person("Ann").uses(command="miku leave", place="general")
    wait_until(lambda: home.bot.voice() is None)


def test_the_same_by_button(home):
    ann, general = home.remote.person("Ann"), home.remote.place("general")
    since = len(general.messages())
    home.joins()
    panel = wait_until(lambda: next((m for m in general.messages()[since:] if m["components"]), None))
    ann.presses(message=panel["id"], what="Leave")
    wait_until(lambda: home.bot.voice() is None)
    wait_until(lambda: "Join me" in str(general.messages()[since:]))
    (closed,) = [message for message in general.messages()[since:] if message["id"] == panel["id"]]
    assert "Leave" not in str(closed["components"])
    ann.presses(message=panel["id"], what="Join me")
    wait_until(lambda: home.bot.voice() == "Lounge")
    wait_until(lambda: home.session().get("phase") == "active")
    home.leaves()


def test_refusals_name_the_cause(home):
    home.remote.person("Ann").leaves()
    assert home.answer("!miku join") == "❌ You must be in a voice channel!"
    home.remote.director.voice_place(name="Full", user_limit=1)
    home.remote.director.person(name="Bob")
    home.remote.person("Bob").joins(place="Full")
    assert home.answer("!miku join #Full").startswith("❌ Voice channel is full!")
    home.remote.director.stage(name="Stage")
    assert "stage" in home.answer("!miku join #Stage")
    home.remote.director.voice_place(name="Closed")
    home.remote.place("Closed").forbid(who="Miku", permissions=["CONNECT"])
    assert home.answer("!miku join #Closed").endswith("Give her role Connect there.")
    home.remote.director.voice_place(name="Dumb")
    home.remote.place("Dumb").forbid(who="Miku", permissions=["VIEW_CHANNEL", "SPEAK"])
    home.remote.person("Bob").joins(place="Dumb")
    assert home.answer("!miku join", "Bob").endswith("Give her role View Channels and Speak there.")
    home.joins()
    refused = home.answer("!miku join #Full")
    assert refused.startswith("❌ Already in a voice session! Use `!miku leave` first.")
    home.leaves()


def test_twenty_prompts_of_five_people_are_spoken_in_order(tmp_path):
    with discord_home(tmp_path, MIKU_BOT__MAX_WAITING="30") as home:
        home.joins()
        people = ["Ann", "Bob", "Cem", "Dan", "Eve"]
        for name in people[1:]:
            home.remote.director.person(name=name)
        said = [
            f"number {word}"
            for word in [
                "a",
                "b",
                "c",
                "d",
                "e",
                "f",
                "g",
                "h",
                "i",
                "j",
                "k",
                "l",
                "m",
                "n",
                "o",
                "p",
                "q",
                "r",
                "s",
                "t",
            ]
        ]
        for i, text in enumerate(said):
            home.says(f"!miku say {text}", who=people[i % 5])
        expected = letters("".join(said))
        wait_until(lambda: len(home.words()) >= len(expected), 120)
        assert home.words() == expected


def test_a_kick_is_accepted_and_she_can_be_called_again(home):
    home.joins()
    home.bot.is_kicked()
    wait_until(lambda: not home.session())
    wait_until(lambda: any("disconnected" in text for text in home.bot.texts()))
    assert home.bot.voice() is None
    home.joins()
    home.leaves()


def test_she_follows_when_she_is_moved(lounge):
    lounge.remote.director.voice_place(name="Attic")
    lounge.remote.director.person(name="Bob")
    lounge.remote.person("Bob").joins(place="Attic")
    lounge.bot.is_moved(place="Attic")
    wait_until(lambda: lounge.bot.voice() == "Attic" and lounge.bot.is_connected())
    lounge.says("!miku say Here now.")
    wait_until(lambda: len(lounge.words("Attic")) >= len(letters("Here now.")), 30)
    assert lounge.words("Attic") == letters("Here now.")


def test_a_killed_voice_node_is_back_in_the_channel_and_speaks_the_next_sentence(lounge):
    before = lounge.words()
    lounge.says(f"!miku say {LONG}")
    wait_until(lambda: len(lounge.words()) > len(before) + 5)
    lounge.stack.kill("discord_voice")
    lounge.says("!miku say Back again.")
    wait_until(lambda: lounge.words().endswith(letters("Back again.")), 40)
    assert lounge.bot.voice() == "Lounge"


def test_a_killed_bot_finishes_its_sentence_and_takes_commands_again(lounge):
    n_before, ann = len(lounge.heard()["utterances"]), lounge.remote.person("Ann")
    lounge.says(f"!miku say {LONG}")
    gone, wrong = lounge.says("!miku say Not this."), lounge.says("!miku say Good evning.")
    wait_until(lambda: "2️⃣" in lounge.reactions(wrong))
    wait_until(lambda: len(lounge.words_of_one_turn(n_before)) > 5)
    lounge.stack.kill("bot_main", signal.SIGKILL)
    ann.deletes(message=gone)
    ann.edits(message=wrong, text="!miku say Good evening.")
    missed = lounge.says("Sing for us")
    # Born again it renews the voice session, in mid-sentence: nothing of it is lost. What waited is said as
    # it stands then, and what was written meanwhile is answered too.
    said = letters(f"{LONG} Good evening. {ANSWER}")
    wait_until(lambda: lounge.words_of_one_turn(n_before) == said, 60)
    assert "🎤" in lounge.reactions(missed)

    def answered() -> bool:
        lounge.says("!miku voice-status")
        return any("Voice Session Active" in text for text in lounge.texts()[-3:])

    wait_until(answered, 40)
    lounge.says("!miku say I am well.")
    wait_until(lambda: lounge.words().endswith(letters("I am well.")), 60)


def test_no_token_and_no_words_in_any_log(home):
    logs = home.stack.logs()
    assert home.token not in logs
    assert "Sing for us" not in logs
