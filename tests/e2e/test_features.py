"""The features of the text bot around voice sessions: the plan's tests of them, with real processes.

In each: what people see while she speaks, and that it works afterwards. Numbers are those of the plan's
sections; what the voice itself does is in `test_discord.py`. General is the prompt channel of a session, so
people write in Talk.
"""

import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bus.errors import sentence
from procs.bot_main.backends import scheduler
from procs.bot_main.backends.documents_sqlite import SqliteDocuments
from procs.bot_main.core.gate import row
from procs.bot_main.core.schedule import Job
from procs.bot_main.features import autonomous, figurines
from tests.discord.tone_reader import letters
from tests.doubles.comfyui import Run
from tests.doubles.feed import fail
from tests.e2e.discord_home import ANSWER
from tests.e2e.house import CARD_MIB, PEOPLE, SONG, TALK, House, furnished
from tests.e2e.services import EYES, TEXT
from tests.mention_attacks import targets
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with furnished(tmp_path_factory.mktemp("features")) as made:
        assert made.reply(made.says("hello")) == SONG
        # While she sleeps she would react to nothing.
        made.home.answer("!miku mood happy")
        yield made


# --- a whole session (9.2, 1, 2 and 5) ---------------------------------------------------------------


def test_a_long_prompt_is_answered_aloud_and_all_is_as_before(house):
    with house.session():
        before = house.home.words()
        house.home.says("Tell me about singing, please. " * 20)
        wait_until(lambda: house.home.words() == before + letters(ANSWER), 40)
    assert house.reply(house.says("hello")) == "La la la!"


# --- vision (9.3, 1) -------------------------------------------------------------------------------


def test_a_picture_is_looked_at_after_the_session_only(house):
    with house.session():
        assert house.reply(house.shows("what is this?")) == row("vision").sentence
        in_the_prompt_channel = house.shows("and this?", "Bob", place="general")
        assert house.reply(in_the_prompt_channel) == row("vision").sentence
        assert EYES not in house.services.swap.states
    assert house.reply(house.shows("what is this?")) == "A teal square."
    (asked,) = house.services.asked(EYES)
    assert "data:image/jpeg;base64," in asked
    assert "https://" not in asked


# --- image generation (9.3, 2) ---------------------------------------------------------------------


def test_a_drawing_is_made_after_the_session_only(house):
    with house.session():
        for place, who in ((TALK, "Ann"), ("general", "Bob")):
            asked = house.says("draw a cat in the rain", who, place)
            assert house.reply(asked) == row("drawing").sentence
            wait_until(lambda asked=asked, place=place: house.reactions(asked, place) == ["🎤"])
    asked = house.says("draw a cat in the rain")
    wait_until(lambda: len(house.home.replies(asked)) == 2)
    progress, drawn = [one for one in house.home.bot.sent() if int(one["reply_to"] or 0) == asked]
    assert drawn["attachments"] == ["drawing.png"]
    wait_until(lambda: "🎨 Done!" in house.home.texts(TALK))
    (workflow,) = house.services.comfy.prompts
    assert "a cat in the rain" in str(workflow)
    assert progress["attachments"] == []


def test_a_drawing_whose_request_is_deleted_is_given_up(house):
    house.services.comfy.play(Run(fault="hang"))
    asked = house.says("draw a dog")
    wait_until(lambda: len(house.services.comfy.prompts) == 2)
    house.home.remote.person("Ann").deletes(message=asked)
    wait_until(lambda: house.services.comfy.interrupted)
    assert "🎨 I had to stop drawing this one." in wait_until(lambda: house.home.texts(TALK)[-1:])


def test_a_drawing_under_way_when_a_session_begins_is_given_up_and_explained(house):
    house.services.comfy.play(Run(fault="hang"))
    n_before = len(house.services.comfy.interrupted)
    asked = house.says("draw a horse", "Dan")
    wait_until(lambda: len(house.services.comfy.prompts) == 3)
    with house.session():
        assert len(house.services.comfy.interrupted) == n_before + 1
        wait_until(lambda: house.home.replies(asked)[-1] == row("drawing").sentence)


# --- bipolar mode (9.3, 3) -------------------------------------------------------------------------

QUARREL = "Evil Miku is so much cooler than Miku, they should fight!!"


def test_no_argument_begins_during_a_session_and_one_does_afterwards(house):
    with house.session():
        house.home.remote.person("Ann").says(place=TALK, text=QUARREL)
        wait_until(lambda: house.logged("feature stands back", feature="bipolar") == 1)
        to_her = house.says(QUARREL, "Bob")
        house.waits(to_her)
        assert "Evil Miku" not in house.authors()
    assert house.reply(to_her) == "La la la!", "what was said to her is answered all the same"
    house.home.remote.person("Ann").says(place=TALK, text=QUARREL)
    wait_until(lambda: "Evil Miku" in house.authors())
    wait_until(lambda: house.logged("bipolar", lines=2))


# --- profile picture (9.3, 4) ----------------------------------------------------------------------


def test_her_picture_changes_after_the_session_only(house):
    worn = wait_until(house.home.bot.avatar)
    with house.session():
        assert "Profile pictures: not while" in house.home.answer("!miku avatar portrait")
        assert house.home.bot.avatar() == worn
    assert house.home.answer("!miku avatar portrait") == "How do I look?"
    assert house.home.bot.avatar() != worn


# --- text channels (9.3, 7) ------------------------------------------------------------------------


def test_messages_of_a_session_wait_and_are_answered_in_order_afterwards(house):
    with house.session():
        first, second = [house.says(f"question {n}", who) for n, who in enumerate(PEOPLE[:2])]
        changed, gone = house.says("mistyped", "Dan"), house.says("forget it", "Eve")
        for message in (first, second, changed, gone):
            house.waits(message)
        assert "place 2" in house.home.answer("!miku queue", "Bob", TALK)
        house.home.remote.person("Dan").edits(message=changed, text=f"{house.her} well typed")
        house.home.remote.person("Eve").deletes(message=gone)
        wait_until(lambda: "3 messages wait" in house.home.answer("!miku queue", "Bob", TALK))
        assert house.logged("queued", outcome="waits", marked=True) >= 4
        assert not any(house.home.replies(message) for message in (first, second, changed, gone))
    kept = [first, second, changed]
    wait_until(lambda: house.home.replies(changed), 40)
    answered = [int(one["reply_to"] or 0) for one in house.home.bot.sent()]
    assert [id_ for id_ in answered if id_ in (*kept, gone)] == kept
    assert "well typed" in house.services.asked(TEXT)[-1]
    wait_until(lambda: not any(house.reactions(message) for message in kept))


# --- what she does by herself (9.3, 5 and 6; figurines), and kill -9 of bot_main in a session -------

POST = "It is Miku Monday, @everyone!"
LOOKS_S = max(scheduler.LOOK_S, autonomous.LOOK_S, figurines.LOOK_S)
"""So long any of them lets a due thing wait."""
MARKING = "PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me"


@dataclass
class Pause:
    """What happened in a session in which everything came due and bot_main was killed."""

    reactions: list[str]
    """Hers below what people wrote among themselves."""
    texts: list[str]
    news: list[str]
    """Direct messages to Ann."""
    answers: list[str]
    asked: tuple[int, ...]
    """Messages to her: from before the kill, one of them reworded meanwhile, and one that nobody took."""
    deleted: int
    """One that was deleted while nobody was there to be told."""


@pytest.fixture(scope="module")
def pause(house) -> Pause:
    home, ann = house.home, house.home.remote.person("Ann")
    assert "speak by myself" in home.answer("!miku autonomous on", place=TALK)
    assert "write to you" in home.answer("!miku figurines on", place=TALK)
    home.answer(f"!miku schedule add mon 9:00 {POST}", place=TALK)
    wait_until(lambda: house.services.shop.n_requests)
    with house.session():
        house.services.shop.add("Miku 1/7 for @everyone")
        waiting, gone, changed = [house.says(text, "Cem") for text in ("are you there?", "oh", "misspelt")]
        for message in (waiting, gone, changed):
            house.waits(message)
        become_due(home.stack.state_path / "shelf.db")
        unmarked = said_and_unmarked(house)
        home.stack.kill("bot_main")
        house.home.remote.faults.disarm()
        home.remote.person("Cem").deletes(message=gone)
        home.remote.person("Cem").edits(message=changed, text=f"{house.her} spelt again")
        missed = house.says("and now?", "Bob")
        asked = (waiting, changed, unmarked, missed)
        for message in asked:
            house.waits(message)
        chatter = [int(ann.says(place=TALK, text=f"chatter {n}")["id"]) for n in range(12)]
        wait_until(lambda: home.stack.status()["bot_main"]["since_s"] > LOOKS_S)
        seen = Pause(
            [emoji for message in chatter for emoji in house.reactions(message)],
            home.texts(TALK),
            [one["content"] for one in ann.inbox()],
            [text for message in asked for text in home.replies(message)],
            asked,
            gone,
        )
    return seen


def said_and_unmarked(house: House) -> int:
    """A message that is on disk while its mark is still on the way."""
    n_queued = house.logged("queued", marked=True)
    house.home.remote.faults.arm(point="rest", at=MARKING, times=None, do="hang")
    message = house.says("hm?", "Dan")
    wait_until(lambda: house.logged("queued", marked=True) > n_queued)
    return message


def become_due(path: Path) -> None:
    """The job in the file of a living bot_main is due now, as its next life will read."""
    disk = SqliteDocuments(path)
    ((key, job),) = [(key, Job.of(body)) for key, body in disk.load().items() if key[0] == "job"]
    disk.write({key: replace(job, next_ms=time.time_ns() // 1_000_000).document()})
    disk.close()


def test_she_does_nothing_by_herself_during_a_session_and_does_afterwards(house, pause):
    assert pause.reactions == []

    def reacts() -> list[str]:
        said = house.home.remote.person("Ann").says(place=TALK, text="chatter")
        time.sleep(0.5)
        return house.reactions(int(said["id"]))

    wait_until(reacts)


def test_an_event_that_comes_due_in_a_session_is_done_once_afterwards(house, pause):
    assert POST not in pause.texts
    assert house.logged("feature stands back", feature="schedule", action="paused") == 1
    wait_until(lambda: POST in house.home.texts(TALK))
    assert house.home.texts(TALK).count(POST) == 1
    assert "Monday 09:00" in house.home.answer("!miku schedule", place=TALK), "the scheduler is at work"


def test_the_shop_is_not_looked_at_in_a_session_and_the_news_is_told_afterwards(house, pause):
    assert pause.news == []
    (told,) = wait_until(lambda: [one["content"] for one in house.home.remote.person("Ann").inbox()])
    assert "Miku 1/7" in told


def test_what_a_killed_bot_owed_is_answered_once(house, pause):
    assert pause.answers == []
    assert [house.reply(message) for message in pause.asked] == ["La la la!"] * len(pause.asked)
    wait_until(lambda: not any(house.reactions(message) for message in pause.asked))


def test_what_was_deleted_or_reworded_while_she_was_dead_counts(house, pause):
    assert house.reply(pause.asked[-1])
    assert house.home.replies(pause.deleted) == []
    questions = house.services.asked(TEXT)
    assert any("spelt again" in asked for asked in questions)
    assert not any("misspelt" in asked for asked in questions)


def test_killed_while_it_answers_what_waited_it_answers_each_once(house):
    with house.session():
        asked = [house.says(f"question {n}", PEOPLE[n % 5], (TALK, "Cellar")[n % 2]) for n in range(6)]
        wait_until(lambda: all(house.reactions(m, (TALK, "Cellar")[n % 2]) for n, m in enumerate(asked)))
    wait_until(lambda: sum(bool(house.home.replies(message)) for message in asked) >= 2)
    house.home.stack.kill("bot_main")
    wait_until(lambda: all(house.home.replies(message) for message in asked), 60)
    assert [house.home.replies(message) for message in asked] == [["La la la!"]] * 6


# --- the graphics cards ----------------------------------------------------------------------------


def test_other_models_make_room_and_status_shows_it(house):
    house.reply(house.says("hello"))
    assert house.services.swap.states == {TEXT: "ready"}
    with house.session():
        shown = wait_until(lambda: shows_card(house))
        assert f"GPU: other server: unloaded {TEXT}" in shown
        assert f"GPU: nvidia0: 12,000 of {CARD_MIB:,} MiB free" in shown
    house.reply(house.says("hello"))
    assert house.services.swap.states == {TEXT: "ready"}, "written answers come from there again"


def test_an_answer_under_way_makes_room_and_is_given_once_afterwards(house):
    swap = house.services.swap
    n_before, swap.answer_ms = len(swap.chats), 600_000
    asked = house.says("hello")
    wait_until(lambda: len(swap.chats) > n_before)
    with house.session():
        house.waits(asked)
        assert f"GPU: other server: unloaded {TEXT}" in wait_until(lambda: shows_card(house))
        assert swap.states == {}, "what was cut off does not load its model again"
        assert "yours: place 1" in house.home.answer("!miku queue", "Ann", TALK)
        swap.answer_ms = 0
    assert house.reply(asked) == SONG
    wait_until(lambda: "🎤" not in house.reactions(asked))
    assert house.reply(house.says("and now?")) == SONG
    assert house.home.replies(asked) == [SONG]


def shows_card(house: House) -> str:
    text = house.home.answer("!miku voice-status")
    return text if "GPU: nvidia0" in text else ""


def test_a_session_that_would_not_fit_is_refused_with_figures(house):
    house.card.write_text(f"0, {CARD_MIB}, 4000\n")
    refused = house.home.answer("!miku join", timeout_s=10)
    assert refused == f"❌ {sentence('gpu_short')} (nvidia0: 4000 of {CARD_MIB} MiB free, 9000 needed)"
    wait_until(lambda: house.home.bot.voice() is None)
    assert house.reply(house.says("hello")) == "La la la!", "nothing stands back"
    house.card.write_text(f"0, {CARD_MIB}, 12000\n")
    with house.session():
        pass


# --- mentions in what others write for her -----------------------------------------------------------


def test_neither_arguments_nor_what_she_sees_nor_any_feature_pings_anybody(house):
    home, ann = house.home, house.home.remote.person("Ann")
    role = home.remote.director.role(name="team", permissions=[], mentionable=True)
    attack = " ".join((*targets(ann.mention()[2:-1], role), "!"))
    usual, house.services.swap.answers = house.services.swap.answers, {TEXT: attack, EYES: attack}
    assert house.reply(house.shows("what is this?", place="Cellar")) == attack
    n_before = house.logged("bipolar", lines=2)
    ann.says(place="Cellar", text=QUARREL)
    wait_until(lambda: ("Evil Miku", attack) in house.said("Cellar"))
    wait_until(lambda: house.logged("bipolar", lines=2) > n_before)
    house.services.swap.answers = usual
    assert home.bot.pings() == []
    assert home.remote.journal.implicit_mentions() == []


# --- her disk ---------------------------------------------------------------------------------------


def test_a_disk_that_takes_nothing_is_shown_and_costs_no_answer(house):
    home = house.home
    pid = home.stack.pids()["bot_main"]
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        assert house.reply(house.says("hello")) == SONG
        shown = home.stack.status()["bot_main"]
        assert (shown["state"], shown["code"]) == ("ready", "store_failed")
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    wait_until(lambda: home.stack.status()["bot_main"]["code"] == "")
    assert home.stack.pids()["bot_main"] == pid


# --- services that are down ------------------------------------------------------------------------


def test_a_service_that_is_down_costs_one_clear_line_and_the_bot_lives(house):
    used, home = house.services, house.home
    used.shop.play(fail(503))
    for double in (used.swap, used.comfy):
        used.do(double.stop())
    house.says("draw a bird", "Cem")
    wait_until(lambda: home.texts(TALK)[-1] == sentence("drawing_unavailable"))
    assert house.reply(house.shows("look", "Cem")) == sentence("vision_unavailable")
    assert house.reply(house.says("hello", "Cem")) == sentence("llm_unreachable")
    assert home.answer("!miku mood", "Cem").startswith("I'm feeling")
    for double in (used.swap, used.comfy):
        used.do(double.start())
    assert house.reply(house.shows("look", "Cem")) == "A teal square."
    assert house.reply(house.says("hello", "Cem")) == "La la la!"
    home.remote.place("general").forbid(who="Miku", permissions=["MANAGE_WEBHOOKS"])
    quarrel = int(home.remote.person("Cem").says(place="general", text=QUARREL)["id"])
    assert house.reply(quarrel) == sentence("discord_forbidden")
    wait_until(lambda: house.logged("feature degraded", feature="figurines", code="feed_unreachable") == 1)


def test_no_words_of_people_and_no_answers_in_any_log(house):
    logs = house.home.stack.logs()
    for words in ("question 1", "La la la", "a cat in the rain", "Evil Miku is so", house.home.token):
        assert words not in logs
