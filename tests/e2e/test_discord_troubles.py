"""What people meet in Discord when something is missing, refuses, hangs or goes away, and that it mends."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bus.errors import CODES, sentence
from tests.discord.gateway.intents import PRIVILEGED
from tests.discord.tone_reader import letters
from tests.e2e.discord_home import ANSWER, DiscordHome, discord_home, discord_process, settings_for
from tests.e2e.doubles import double
from tests.e2e.stack import ROOT, Stack
from tests.ports import free_base_port
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

NO_VOICE = "❌ TTS pipeline not available. Check soprano/rvc containers."
AS_TEXT = "⚠️ (Voice failed, text mode): "
LONG = "She says this sentence, and then another one follows, and one more after that."

BLOCKER, MISSING = ROOT / "tests" / "e2e" / "blocker", "missing"
"""What keeps a process from importing the packages that the file names."""

FEW = 5
"""Letters."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiscordHome]:
    folder = tmp_path_factory.mktemp("discord")
    settings = {"PYTHONPATH": str(BLOCKER), "MISSING_PACKAGES": str(folder / MISSING)}
    with discord_home(folder, **settings) as home:
        home.remote.change("rules", identify_interval_s=0.0)
        yield home


@pytest.fixture
def lounge(home: DiscordHome) -> Iterator[DiscordHome]:
    """In a session, with Ann listening."""
    home.joins()
    yield home
    home.leaves()


def says_of_itself(home: DiscordHome, node: str, state: str) -> bool:
    """Whether a process's health is that."""
    return bool(home.stack.status()[node]["state"] == state)


def written(home: DiscordHome, since: int) -> list[str]:
    """What she has written since, the panel aside."""
    return [text for text in home.bot.texts()[since:] if not text.startswith("🎤 **")]


def test_without_a_voice_she_is_not_called_in_vain(home):
    home.remote.person("Ann").joins(place="Lounge")
    home.voice.stop()
    wait_until(lambda: says_of_itself(home, "tts_bridge", "degraded"))
    assert home.answer("!miku join") == f"{NO_VOICE}\n{sentence('tts_unreachable')}"
    assert home.bot.voice() is None
    home.voice.start()
    wait_until(lambda: says_of_itself(home, "tts_bridge", "ready"))
    home.joins()
    home.leaves()


def test_a_voice_that_dies_is_told_once_and_answers_are_written_until_it_is_back(lounge):
    since = len(lounge.bot.texts())
    lounge.voice.stop()
    for n in (1, 2):
        lounge.says(f"Sing {n} times")
        wait_until(lambda n=n: sum(text == AS_TEXT + ANSWER for text in written(lounge, since)) == n)
    notices = [text for text in written(lounge, since) if "Until then I write my answers." in text]
    assert len(notices) == 1
    assert len(written(lounge, since)) == 3
    lounge.voice.start()
    wait_until(lambda: says_of_itself(lounge, "tts_bridge", "ready"))
    lounge.says("!miku say Well again.")
    wait_until(lambda: written(lounge, since)[3:] == ["🎤 My voice is back."])
    assert lounge.words().endswith(letters("Well again."))


def test_over_a_long_outage_of_the_voice_connection_answers_are_written_until_it_is_back(lounge):
    since = len(lounge.bot.texts())
    lounge.remote.faults.arm(point="voice_identify", do="silence", times=None)
    lounge.bot.voice_closes(code=4002)
    lounge.says("Sing for us")
    wait_until(lambda: AS_TEXT + ANSWER in written(lounge, since))
    assert written(lounge, since)[0].startswith(f"⚠️ {sentence('voice_interrupted')}")
    lounge.says("!miku say Nobody hears this.")
    wait_until(lambda: written(lounge, since)[2:] == [f"{AS_TEXT}Nobody hears this."])
    lounge.remote.faults.disarm()
    wait_until(lounge.bot.is_connected)
    lounge.says("!miku say Well again.")
    wait_until(lambda: written(lounge, since)[3:] == ["🎤 My voice is back."])
    assert lounge.words().endswith(letters("Well again."))
    assert letters("Nobody") not in lounge.words()


def test_where_she_may_not_speak_it_is_told_and_answers_are_written_until_she_may(lounge):
    lounge.remote.director.stage(name="Stage")
    since = len(lounge.bot.texts())
    lounge.bot.is_muted()
    told = [f"⚠️ {sentence('voice_muted')} Until then I write my answers."]
    wait_until(lambda: written(lounge, since) == told)
    lounge.says("!miku say Nobody hears this.")
    told.append(f"{AS_TEXT}Nobody hears this.")
    wait_until(lambda: written(lounge, since) == told)
    lounge.bot.is_muted(yes=False)
    told.append("🎤 My voice is back.")
    wait_until(lambda: written(lounge, since) == told)
    lounge.remote.person("Ann").joins(place="Stage")
    lounge.bot.is_moved(place="Stage")
    told.append(f"⚠️ {sentence('voice_stage')} Until then I write my answers.")
    wait_until(lambda: written(lounge, since) == told)
    assert CODES["voice_stage"].cause in lounge.answer("!miku voice-status")
    lounge.says("!miku say Nor this.")
    wait_until(lambda: written(lounge, since)[-1] == f"{AS_TEXT}Nor this.")


def test_a_model_that_is_gone_is_told_and_the_session_lives(lounge):
    lounge.model.stop()
    said = lounge.answer("Sing for us")
    assert said == f"(in voice) *Miku seems confused...*\n{sentence('llm_unreachable')}"
    lounge.model.start()
    wait_until(lambda: says_of_itself(lounge, "llm_streamer", "ready"))
    lounge.says("Sing for us")
    wait_until(lambda: lounge.words().endswith(letters(ANSWER)))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"point": "udp_in", "times": None}, "voice_udp_blocked"),
        ({"point": "op4", "do": "swallow", "times": None}, "voice_refused"),
        ({"point": "voice_identify", "code": 4017, "times": None}, "voice_dave_missing"),
    ],
)
def test_a_join_that_can_not_be_is_named_before_people_give_up(home, fault, code):
    home.remote.person("Ann").joins(place="Lounge")
    home.remote.faults.arm(**fault)
    assert home.answer("!miku join") == f"❌ {sentence(code)}", "any other cause means that it took too long"
    home.remote.faults.disarm()
    wait_until(lambda: not home.session() and home.bot.voice() is None)
    home.joins()
    home.leaves()


@pytest.mark.parametrize(
    "fault",
    [
        {"point": "op4", "do": "swallow", "times": None},
        {"point": "voice_identify", "do": "silence", "times": None},
    ],
)
def test_she_leaves_while_a_connect_hangs(home, fault):
    home.remote.person("Ann").joins(place="Lounge")
    home.remote.faults.arm(**fault)
    home.says("!miku join")
    wait_until(lambda: home.session().get("phase") == "starting")
    assert home.answer("!miku leave").startswith("👋 Left voice channel!")
    home.remote.faults.disarm()
    wait_until(lambda: not home.session() and home.bot.voice() is None)
    home.joins()
    home.leaves()


def is_born_again(home: DiscordHome, node: str) -> None:
    """A process is killed; returns once it lives again."""
    killed = home.stack.kill(node)
    wait_until(lambda: home.stack.pids()[node] not in (0, killed) and says_of_itself(home, node, "ready"))


def test_without_encryption_she_says_what_to_do_writes_on_and_comes_once_it_is_installed(home):
    packages = home.stack.state_path.parent / MISSING
    packages.write_text("davey")
    is_born_again(home, "discord_voice")
    home.remote.person("Ann").joins(place="Lounge")
    assert home.answer("!miku join") == f"❌ {sentence('voice_dave_missing')}"
    wait_until(lambda: not home.session() and home.bot.voice() is None)
    assert home.answer(f"{home.bot.mention()} Hello.") == ANSWER, (
        "what she writes stands back for a session only"
    )
    packages.unlink()
    is_born_again(home, "discord_voice")
    home.joins()
    home.leaves()


def test_a_second_server_is_told_that_she_is_elsewhere(lounge):
    lounge.remote.director.place(name="office", guild="Work")
    lounge.remote.director.voice_place(name="Desk", guild="Work")
    lounge.remote.director.person(name="Wim", guild="Work")
    lounge.bot.is_invited(guild="Work")
    lounge.remote.person("Wim").joins(place="Desk")
    assert lounge.answer("!miku join", "Wim", "office") == f"❌ {sentence('session_active')}"
    assert lounge.answer("!miku voice-status", "Wim", "office") == "No active voice session"
    assert lounge.session()["phase"] == "active"


def test_she_leaves_an_empty_room_after_the_servers_own_time(home):
    home.joins()
    assert "leave_when_alone_s" in home.answer("!miku settings leave_when_alone_s 1", "Owner")
    home.remote.person("Ann").leaves()
    wait_until(lambda: home.bot.voice() is None)
    wait_until(lambda: home.texts()[-1] == "👋 Everybody has left, so I left too.")
    home.answer("!miku settings leave_when_alone_s default", "Owner")


def test_waiting_prompts_follow_what_their_writers_do_to_them(lounge):
    ann = lounge.remote.person("Ann")
    lounge.thinks("You said {said}")
    lounge.says(f"!miku say {LONG}")
    gone, wrong = lounge.says("!miku say Not this."), lounge.says("!miku say Good evning.")
    prompt, turned = lounge.says("helo"), lounge.says("!miku say Nor this.")
    wait_until(lambda: "4️⃣" in lounge.reactions(turned))
    ann.edits(message=wrong, text="!miku say Good evening.")
    ann.edits(message=prompt, text="hello")
    ann.edits(message=turned, text="how are you")
    ann.deletes(message=gone)
    expected = f"{LONG} Good evening. You said Ann: hello. You said Ann: how are you."
    wait_until(lambda: len(lounge.words()) >= len(letters(expected)), 40)
    assert lounge.words() == letters(expected)
    lounge.thinks(ANSWER)


def test_what_she_is_saying_can_be_taken_back_and_not_reworded(lounge):
    ann = lounge.remote.person("Ann")
    said = lounge.says(f"!miku say {LONG}")
    wait_until(lambda: len(lounge.words()) > FEW)
    ann.edits(message=said, text="!miku say Something else.")
    wait_until(lambda: lounge.words() == letters(LONG), 40)
    gone = lounge.says(f"!miku say {LONG * 3}")
    lounge.says("!miku say And now this.")
    wait_until(lambda: len(lounge.words()) > len(letters(LONG)) + FEW)
    ann.deletes(message=gone)
    wait_until(lambda: lounge.words().endswith(letters("And now this.")), 40)
    assert len(lounge.words()) < len(letters(LONG * 3)), "the rest of it was not heard"


def test_without_the_intent_she_answers_to_slash_and_mention_and_says_what_is_missing(home):
    logs_in_with(home, intents=0)
    missing = CODES["discord_intent_missing"].cause
    ann = home.remote.person("Ann")
    ann.joins(place="Lounge")
    since = len(home.bot.texts())
    home.says("!miku voice-status")
    ann.uses(command="miku join", place="general")
    wait_until(lambda: any(text.startswith("🎤 Joined Lounge!") for text in written(home, since)))
    assert missing in "".join(written(home, since))
    wait_until(home.bot.is_connected)
    assert missing in home.answer(f"{home.bot.mention()} voice-status")
    ann.uses(command="miku say", place="general", text="I hear you.")
    wait_until(lambda: home.words().endswith(letters("I hear you.")))
    assert not any("No active" in text for text in written(home, since)), "what she can't read is no command"
    logs_in_with(home, intents=PRIVILEGED)
    home.leaves()


def logs_in_with(home: DiscordHome, intents: int) -> None:
    """She is born again with other privileged intents."""
    home.bot.is_granted(privileged=intents)
    home.stack.kill("bot_main")
    wait_until(lambda: not home.bot.is_online())
    wait_until(home.bot.is_online)


def test_slash_commands_are_acknowledged_within_a_second(home):
    after_ms = [asked["answered_after_ms"] for asked in home.remote.journal.interactions()]
    answered = [ms for ms in after_ms if ms is not None]
    assert answered
    assert max(answered) < 1_000


def test_nobody_sees_credentials_or_words(lounge):
    lounge.says("!miku say Canary sentence seventeen.")
    wait_until(lambda: lounge.words().endswith(letters("Canary sentence seventeen.")))
    sniffer = lounge.stack.begin_sniffer("echo", "control.voice_link", "--show-content", "--for", "10s")
    try:
        wait_until(lambda: "control.voice_link" in sniffer.seen())
    finally:
        sniffer.end()
    assert "endpoint" not in sniffer.seen()
    logs = lounge.stack.logs()
    assert lounge.token not in logs
    assert "Canary sentence" not in logs


def test_a_wrong_token_is_named_and_the_console_is_served(tmp_path):
    with ExitStack() as running:
        told = running.enter_context(discord_process(tmp_path))
        settings = settings_for(told) | {
            "MIKU_DISCORD__TOKEN": "wrong." * 10,
            "MIKU_TTS__SOPRANO_URL": running.enter_context(
                double("soprano", "--port", str(free_base_port()))
            ),
            "MIKU_LLM__BASE_URL": running.enter_context(double("llm")),
        }
        stack = running.enter_context(Stack(tmp_path, **settings))
        wait_until(lambda: stack.status()["bot_main"]["code"] == "discord_token_invalid")
        assert sentence("discord_token_invalid") in " ".join(stack.miku("doctor").stdout.split())
        done = stack.miku("say", "--verbatim", "Well.")
        assert (done.returncode, done.stdout.strip()) == (0, "Well."), done.stderr
        assert settings["MIKU_DISCORD__TOKEN"] not in stack.logs()
