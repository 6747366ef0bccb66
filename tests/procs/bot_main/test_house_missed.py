"""What people wrote while the gateway was away is caught up with."""

import pytest

from procs.bot_main import catching_up
from procs.bot_main.backends.queue_sqlite import SqliteQueue
from procs.bot_main.core.gate import Action
from tests.procs.bot_main.hand_chat import GENERAL, HandChat
from tests.procs.bot_main.home import TEXT, living
from tests.waiting import until

pytestmark = pytest.mark.unit


async def test_missed_messages_are_fetched_once_and_commands_among_them_are_not_carried_out(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        home.house.online()
        known = await home.says("before", is_addressed=True)
        await until(lambda: home.answered() == [known.id])
        missed = home.chat.says("missed", is_addressed=True)
        home.chat.says("!miku join", is_addressed=True)
        home.chat.says("chatter")
        home.house.online()
        home.house.online()
        await until(lambda: home.answered() == [known.id, missed.id])
        home.house.online()
        last = await home.says("after", is_addressed=True)
        await until(lambda: last.id in home.answered())
        assert home.answered() == [known.id, missed.id, last.id]


async def test_what_is_a_prompt_is_neither_missed_nor_answered_in_writing(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        known = await home.says("before", is_addressed=True)
        await until(lambda: home.answered() == [known.id])
        spoken = home.chat.says("answered aloud", is_addressed=True)
        home.house.dealt_with(spoken)
        await until(lambda: home.inbox.queue.seen == {GENERAL: spoken.id})
        prompt, missed = [home.chat.says(text, is_addressed=True) for text in ("prompt", "missed")]
        home.chat.says("!miku join", is_addressed=True)
        offered = []

        def sift(message):
            offered.append(message.id)
            return None if message == prompt else message

        home.house.online(sift)
        await until(lambda: home.answered() == [known.id, missed.id])
        assert offered == [prompt.id, missed.id]
    assert SqliteQueue(tmp_path / "queue.db").load().seen[GENERAL] > missed.id


async def test_a_channel_never_seen_before_replays_nothing(tmp_path, probes):
    chat = HandChat()
    chat.says("long ago", is_addressed=True)
    async with living(tmp_path, TEXT, chat) as home:
        home.house.online()
        last = await home.says("now", is_addressed=True)
        await until(home.answered)
        assert home.answered() == [last.id]


async def test_in_a_channel_that_is_attended_the_first_message_ever_is_not_missed(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        home.chat.says("long ago", is_addressed=True)
        click = home.chat.invokes("join")
        home.house.attend(GENERAL, click.id)
        await until(lambda: home.inbox.queue.seen == {GENERAL: click.id})
        missed = home.chat.says("missed", is_addressed=True)
        home.house.attend(GENERAL, home.chat.invokes("join").id)
        home.house.online()
        await until(home.answered)
        assert home.answered() == [missed.id]


async def test_very_many_missed_messages_become_one_notice(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        known = await home.says("before", is_addressed=True)
        await until(lambda: home.answered() == [known.id])
        for _ in range(60):
            home.chat.says("missed", is_addressed=True)
        home.house.online()
        await until(lambda: len(home.chat.posted) == 2)
        assert "60 messages" in home.chat.texts()[1]


async def test_a_missed_message_is_found_behind_much_chatter(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        known = await home.says("before", is_addressed=True)
        await until(lambda: home.answered() == [known.id])
        for _ in range(catching_up.FETCHED + 1):
            home.chat.says("chatter")
        missed = home.chat.says("missed", is_addressed=True)
        home.house.online()
        await until(lambda: missed.id in home.answered())
        assert home.answered() == [known.id, missed.id]


async def test_a_chat_that_does_not_answer_is_asked_again(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        known = await home.says("before", is_addressed=True)
        await until(lambda: home.answered() == [known.id])
        missed = home.chat.says("missed", is_addressed=True)
        home.chat.fails("history", times=3)
        home.house.online()
        await until(lambda: missed.id in home.answered())
        assert home.answered() == [known.id, missed.id]


@pytest.mark.parametrize("n_failures", [0, 3])
async def test_a_wish_that_comes_in_while_its_channel_is_fetched_is_granted_once(
    tmp_path, probes, n_failures
):
    async with living(tmp_path, (*probes(Action.BLOCKED), *TEXT)) as home:
        known = await home.says("before", is_addressed=True)
        await until(lambda: home.answered() == [known.id])
        missed = home.chat.says("probe_blocked missed")
        if n_failures:
            home.chat.fails("history", times=n_failures)
        home.house.online()
        live = await home.says("probe_blocked live")
        await until(lambda: home.inbox.queue.seen == {GENERAL: live.id})
        await until(lambda: set(home.answered()) == {known.id, missed.id, live.id})
        assert home.house.features["probe_blocked"].started == 2
        home.house.offer(live)
        last = await home.says("last", is_addressed=True)
        await until(lambda: home.answered()[-1] == last.id)
        assert home.house.features["probe_blocked"].started == 2, "told after it was fetched"
