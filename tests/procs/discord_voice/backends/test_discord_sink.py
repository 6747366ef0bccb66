"""She joins, speaks and leaves in the loopback Discord; every fault ends as the table says."""

import asyncio
from dataclasses import replace

import discord
import discord.voice_client
import numpy as np
import pytest
from discord.voice_state import VoiceConnectionState

from bus.errors import BackendError
from bus.messages import TurnKind
from procs.discord_voice.backends import discord_link, udp_path
from procs.discord_voice.core.link import Move, Policy, event_of
from procs.sink.backends.base import Lost, Moved, Renew
from tests.discord.director import Director
from tests.discord.loopback import Loopback
from tests.discord.tone_reader import letters, read
from tests.procs.discord_voice.backends.conftest import SESSION, House, housed
from tests.waiting import until

pytestmark = pytest.mark.flow

RESUMED = [1001, 1006, 3999, 4015]
RENEWED = [1000, 4004, 4006, 4009, 4011, 4018]
IDENTIFIED = [4001, 4002, 4003, 4005, 4012, 4016, 4020]


async def test_what_is_played_is_heard_whole_and_in_order(joined: House) -> None:
    await joined.hears("one")
    await joined.hears("two")
    heard = joined.director.places["Lounge"].heard()
    assert joined.heard() == "one|two"
    assert (list(heard.violations), heard.clear, heard.unheard, heard.unannounced) == ([], 0, 0, 0)
    assert not any(joined.sink.facts()[name] != "0" for name in ("frames_unsent", "frames_unencrypted"))


async def test_both_channels_hold_the_same_sound(joined: House, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []
    decode = discord.opus.Decoder.decode

    def spied(self: discord.opus.Decoder, data: bytes | None, *, fec: bool = False) -> bytes:
        decoded.append(decode(self, data, fec=fec))  # type: ignore[arg-type,call-overload]
        return decoded[-1]

    monkeypatch.setattr(discord.opus.Decoder, "decode", spied)
    await joined.hears("both")
    pairs = memoryview(b"".join(decoded)).cast("h")
    assert max(pairs) > 5_000
    assert all(abs(a - b) < 600 for a, b in zip(pairs[::2], pairs[1::2], strict=True))


async def test_speech_is_bracketed_and_has_silence_around_it(
    joined: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    send, speak = discord_link.Connection.send, discord_link.Connection.speak

    def sent(self: discord_link.Connection, opus: bytes, now_ns: int) -> None:
        happened.append("-" if opus == b"\xf8\xff\xfe" else "x")
        send(self, opus, now_ns)

    async def spoke(self: discord_link.Connection, on: bool) -> None:
        happened.append("(" if on else ")")
        await speak(self, on)

    monkeypatch.setattr(discord_link.Connection, "send", sent)
    monkeypatch.setattr(discord_link.Connection, "speak", spoke)
    joined.say("ab")
    await until(lambda: ")" in happened)
    joined.say("c")
    await until(lambda: happened.count(")") == 2)
    assert "".join(happened) == "(----xxxxxx-----)(xxx-----)"


async def test_stretches_follow_each_other_without_mixing(joined: House) -> None:
    joined.say("first")
    await joined.is_said()
    joined.say("second")
    await until(lambda: joined.heard() == "first|second")
    assert not joined.director.places["Lounge"].heard().violations


async def test_alone_nothing_leaves_and_the_turn_ends(house: House) -> None:
    await house.join()
    house.say("alone")
    await house.is_said()
    heard = house.director.places["Lounge"].heard()
    assert (heard.frames, heard.unheard) == (0, 0)
    assert int(house.sink.facts()["frames_unencrypted"]) > 10


async def test_who_comes_in_later_hears_her(house: House) -> None:
    await house.join()
    house.director.person("Ann").joins("Lounge")
    await until(lambda: house.is_connected)
    await house.hears("hi")
    assert house.director.places["Lounge"].heard().clear == 0


async def test_sound_waits_for_the_encryption_and_none_of_it_leaves_clear(house: House) -> None:
    house.director.person("Ann").joins("Lounge")
    await house.join()
    await house.hears("whole")
    heard = house.director.places["Lounge"].heard()
    assert (heard.clear, heard.unheard) == (0, 0)


async def test_on_a_stage_she_speaks_without_end_to_end_encryption(house: House) -> None:
    house.director.stage("Stage")
    house.director.allow(["MUTE_MEMBERS"])
    house.director.person("Ann").joins("Stage")
    await until(lambda: house.client.get_channel(house.director.places["Stage"].id))
    await house.join("Stage")
    await house.hears("stage", "Stage")
    assert list(house.director.places["Stage"].heard().violations) == []


@pytest.mark.parametrize("code", RESUMED)
async def test_a_resume_costs_no_sound_and_keeps_the_udp_path(joined: House, code: int) -> None:
    before = joined.connection
    joined.say("no loss")
    await until(lambda: joined.director.places["Lounge"].heard().frames > 5)
    if code == 1006:
        joined.director.bot("Miku").voice_is_cut()
    else:
        joined.director.bot("Miku").voice_closes(code)
    await until(lambda: joined.sink.facts()["voice_resumes"] == "1")
    await until(lambda: joined.heard() == "noloss")
    assert joined.connection is before
    assert not joined.director.places["Lounge"].heard().violations
    assert joined.moves == [("resume", code)]


@pytest.mark.parametrize("code", IDENTIFIED)
async def test_after_a_misunderstanding_the_same_pair_is_used_again(joined: House, code: int) -> None:
    joined.director.bot("Miku").voice_closes(code)
    await until(lambda: joined.sink.facts()["voice_connects"] == "2" and joined.is_connected)
    assert (joined.moves, joined.switch.n_renewed, joined.lost) == ([("identify", code)], 0, "")


@pytest.mark.parametrize("code", RENEWED)
async def test_for_a_dead_pair_a_new_one_is_asked_for(joined: House, code: int) -> None:
    joined.director.bot("Miku").voice_closes(code)
    await until(lambda: joined.sink.facts()["voice_connects"] == "2" and joined.is_connected)
    assert (joined.moves, joined.switch.n_renewed, joined.lost) == ([("renew", code)], 1, "")


@pytest.mark.parametrize(("code", "error"), [(4017, "voice_dave_missing"), (4021, "voice_rate_limited")])
async def test_some_codes_end_the_session_with_a_name(joined: House, code: int, error: str) -> None:
    joined.director.bot("Miku").voice_closes(code)
    assert await until(lambda: joined.lost) == error
    assert joined.moves == [("stop", code)]


@pytest.mark.parametrize("code", [4014, 4022])
async def test_a_removal_that_nobody_explains_is_waited_for_then_mended(
    joined: House, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procs.discord_voice.backends.call.WAIT_MS", 200)
    joined.director.bot("Miku").voice_closes(code)
    await until(lambda: joined.sink.facts()["voice_connects"] == "2" and joined.is_connected)
    assert joined.moves == [("wait", code), ("identify", 0)]
    await joined.hears("ok")


@pytest.mark.parametrize("null_first", [True, False])
async def test_another_voice_server_is_followed_in_mid_sentence(joined: House, null_first: bool) -> None:
    joined.say("the sentence goes on")
    await until(lambda: joined.director.places["Lounge"].heard().frames > 10)
    joined.director.bot("Miku").changes_server(null_first=null_first)
    await until(lambda: joined.heard().endswith("goeson"))
    heard = joined.heard().replace("|", "")
    assert len(heard) >= len("thesentencegoeson") - 2, "what was on its way when the old server hung up"
    assert joined.switch.n_renewed == 0


async def test_while_a_server_is_to_be_named_sound_waits_and_nothing_of_it_is_lost(joined: House) -> None:
    heard = joined.director.places["Lounge"].heard()
    joined.say("the sentence goes on")
    await until(lambda: heard.frames > 10)
    joined.sink.link(SESSION, replace(joined.switch.link, endpoint=""))
    await until(lambda: heard.utterances[-1].is_over)
    assert not heard.violations, "five silence frames end what was heard"
    joined.sink.link(SESSION, joined.switch.link)
    await until(lambda: len(heard.utterances) == 2 and heard.utterances[-1].is_over)
    sound = np.concatenate([one.samples for one in heard.utterances])
    assert letters(read(sound)) == "thesentencegoeson"
    assert joined.sink.facts()["voice_connects"] == "1"


async def test_newer_credentials_are_followed_without_losing_what_is_said_meanwhile(joined: House) -> None:
    heard = joined.director.places["Lounge"].heard()
    joined.say("the sentence goes on")
    await until(lambda: heard.frames > 10)
    joined.sink.link(SESSION, replace(joined.switch.link, endpoint=""))
    await until(lambda: heard.utterances[-1].is_over)
    joined.director.bot("Miku").changes_server(null_first=False)
    await until(lambda: len(heard.utterances) == 2 and heard.utterances[-1].is_over)
    sound = np.concatenate([one.samples for one in heard.utterances])
    assert letters(read(sound)) == "thesentencegoeson"
    assert joined.sink.facts()["voice_connects"] == "2"


async def test_a_server_that_is_never_named_stops_her_for_a_while_only(
    joined: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procs.discord_voice.backends.credentials.TAKEOVER_NS", 1)
    joined.sink.link(SESSION, replace(joined.switch.link, endpoint=""))
    await joined.hears("ok")
    assert joined.sink.facts()["voice_connects"] == "1", "the connection that stood goes on"


async def test_a_refused_resume_becomes_a_new_connection(joined: House) -> None:
    joined.director.faults.arm("voice_resume", code=4006)
    joined.director.bot("Miku").voice_is_cut()
    await until(lambda: joined.sink.facts()["voice_connects"] == "2" and joined.is_connected)
    assert joined.moves == [("resume", 1006), ("identify", 4006)]
    await joined.hears("ok")


async def test_a_move_by_a_moderator_is_followed_and_told(joined: House) -> None:
    joined.director.person("Bob").joins("Attic")
    joined.director.bot("Miku").is_moved("Attic")
    attic = joined.director.places["Attic"].id
    await until(lambda: Moved(SESSION, attic) in joined.events and joined.is_connected)
    await joined.hears("attic", "Attic")
    assert joined.lost == ""


async def test_an_intent_for_another_channel_moves_her(joined: House) -> None:
    joined.director.person("Bob").joins("Attic")
    await joined.join("Attic")
    await until(lambda: joined.is_connected)
    await joined.hears("attic", "Attic")
    assert joined.heard() == "", "nothing of it in the channel she has left"


async def test_an_intent_for_the_same_channel_is_answered_at_once(joined: House) -> None:
    before = joined.connection
    await joined.join()
    assert joined.connection is before


async def test_a_kick_ends_the_session_by_name(joined: House) -> None:
    joined.director.bot("Miku").is_kicked()
    assert await until(lambda: joined.lost) == "voice_kicked"
    await joined.sink.leave(SESSION)


async def test_a_reborn_process_takes_the_pair_that_is_there(
    joined: House, loopback: Loopback, client: discord.Client, tmp_path: object
) -> None:
    link = joined.switch.link
    await joined.sink.leave(SESSION)
    async with housed(loopback, joined.director, client, tmp_path) as reborn:  # type: ignore[arg-type]
        reborn.sink.link(SESSION, link)
        await reborn.sink.connect(SESSION, reborn.intent())
        await until(lambda: reborn.is_connected)
        await reborn.hears("reborn")
        assert reborn.switch.n_renewed == 0


async def test_a_reborn_process_with_a_dead_pair_asks_for_another(joined: House) -> None:
    joined.director.rules.single_use_voice_tokens = True
    await joined.sink.leave(SESSION)
    await joined.sink.connect(SESSION, joined.intent())
    await until(lambda: joined.is_connected)
    assert joined.moves == [("renew", 4006)]
    assert Renew(SESSION, 0) in joined.events
    await joined.hears("ok")


async def test_a_link_whose_writer_is_gone_stays_good(joined: House) -> None:
    joined.sink.link(SESSION, None)
    joined.director.bot("Miku").voice_closes(4002)
    await until(lambda: joined.sink.facts()["voice_connects"] == "2" and joined.is_connected)
    await joined.hears("ok")
    assert not any(isinstance(event, Lost | Renew) for event in joined.events)


async def test_a_silent_discord_is_told_as_a_refusal(
    loopback: Loopback, director: Director, client: discord.Client, tmp_path: object
) -> None:
    director.faults.arm("op4", do="swallow")
    async with housed(loopback, director, client, tmp_path, limit_s=0.3) as house:  # type: ignore[arg-type]
        with pytest.raises(BackendError) as refusal:
            await house.join()
        assert refusal.value.code == "voice_refused"
        assert SESSION not in house.sink._calls


async def test_a_silent_voice_server_is_told_as_a_refusal(
    loopback: Loopback, director: Director, client: discord.Client, tmp_path: object
) -> None:
    director.faults.arm("voice_identify", do="silence", times=None)
    async with housed(loopback, director, client, tmp_path, limit_s=0.5) as house:  # type: ignore[arg-type]
        with pytest.raises(BackendError) as refusal:
            await house.join()
        assert refusal.value.code == "voice_refused"


@pytest.mark.parametrize(("code", "error"), [(4017, "voice_dave_missing"), (4021, "voice_rate_limited")])
async def test_a_refused_identify_is_told_by_name(house: House, code: int, error: str) -> None:
    house.director.faults.arm("voice_identify", code=code)
    with pytest.raises(BackendError) as refusal:
        await house.join()
    assert refusal.value.code == error


async def test_without_its_library_encryption_is_told_as_missing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discord.voice_client, "has_dave", False)
    with pytest.raises(BackendError) as refusal:
        await house.join()
    assert refusal.value.code == "voice_dave_missing"


async def test_lost_discovery_packets_are_sent_again(house: House) -> None:
    house.director.person("Ann").joins("Lounge")
    house.director.faults.arm("discovery", times=2)
    await house.join()
    await house.hears("through")
    assert house.heard() == "through"


async def test_udp_into_nothing_is_told_as_blocked(house: House) -> None:
    house.director.faults.arm("udp_in", times=None)
    with pytest.raises(BackendError) as refusal:
        await house.join()
    assert refusal.value.code == "voice_udp_blocked"


async def test_udp_that_is_blocked_later_is_noticed_by_the_keepalives(
    joined: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(udp_path, "KEEPALIVE_S", 0.1)
    monkeypatch.setattr(udp_path, "ECHO_WAIT_S", 0.1)
    monkeypatch.setattr(udp_path, "DISCOVERY_WAIT_S", 0.1)
    joined.director.bot("Miku").voice_closes(4002)
    await until(lambda: joined.director.places["Lounge"].heard().keepalives > 2)
    joined.director.faults.arm("udp_in", times=None)
    assert await until(lambda: joined.lost) == "voice_udp_blocked"
    assert joined.moves[1:] == [("identify", 0), ("stop", 0)]


async def test_a_leave_does_not_wait_for_a_connect_that_hangs(house: House) -> None:
    house.director.faults.arm("voice_identify", do="silence", times=None)
    connecting = asyncio.create_task(house.join())
    await until(lambda: house.sink._calls)
    await asyncio.sleep(0.2)
    connecting.cancel()
    await house.sink.leave(SESSION)
    await asyncio.wait({connecting})
    assert connecting.cancelled()
    assert house.sink._calls == {}


async def test_a_full_socket_costs_frames_and_never_time(
    joined: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def send(self, packet: bytes) -> int:
            raise BlockingIOError

        def close(self) -> None:
            pass

    state = joined.connection._state
    real = state.socket
    monkeypatch.setattr(state, "socket", Full())
    joined.say("lost")
    await joined.is_said()
    assert int(joined.sink.facts()["frames_unsent"]) >= 12
    monkeypatch.setattr(state, "socket", real)
    await until(joined.sink._calls[SESSION]._stretches.empty)
    assert joined.lost == ""
    assert joined.source.report().sent == 0, "nothing has left"


async def test_over_a_long_outage_what_waits_is_given_up_so_that_it_can_be_written(
    joined: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procs.discord_voice.backends.mouth.HOLD_FRAMES", 5)
    joined.director.faults.arm("voice_identify", do="silence", times=None)
    joined.director.bot("Miku").voice_closes(4002)
    await until(lambda: joined.moves)
    for text in ("nobody hears this", "nor this"):
        joined.say(text)
        await joined.is_said()
        assert joined.outcome() == (TurnKind.FAILED, "voice_interrupted")
    report = joined.source.report()
    assert (report.sent, report.code, report.finished_turn) == (0, "voice_interrupted", 2)
    assert report.deficit == 5, "the second did not wait: the outage is the same"
    joined.director.faults.disarm()
    await until(lambda: joined.is_connected)
    await joined.hears("again")
    assert joined.outcome() == (TurnKind.DONE, "")


async def test_what_can_not_be_encrypted_for_those_who_listen_is_given_up(
    joined: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procs.discord_voice.backends.mouth.HOLD_FRAMES", 5)
    monkeypatch.setattr(VoiceConnectionState, "can_encrypt", False)
    joined.say("not for them")
    await joined.is_said()
    assert joined.outcome() == (TurnKind.FAILED, "voice_interrupted")
    assert joined.source.report().sent == 0
    assert joined.director.places["Lounge"].heard().frames == 0


async def test_while_she_may_not_join_yet_new_credentials_are_waited_for(
    joined: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procs.discord_voice.backends.credentials.ELSEWHERE_S", 0.1)
    monkeypatch.setattr("procs.discord_voice.backends.credentials.PAIR_S", 0.2)
    renew, asked = joined.switch.renew, []

    async def renew_late(dead_revision: int) -> None:
        asked.append(dead_revision)
        if len(asked) == 3:
            await renew(dead_revision)

    monkeypatch.setattr(joined.switch, "renew", renew_late)
    joined.director.bot("Miku").voice_closes(4006)
    await until(lambda: joined.sink.facts()["voice_connects"] == "2" and joined.is_connected)
    assert (asked, joined.lost) == ([0, 1, 2], "")
    await joined.hears("ok")


@pytest.mark.parametrize("code", ["voice_muted", "voice_stage"])
async def test_what_she_says_where_she_may_not_speak_is_given_up_at_once(joined: House, code: str) -> None:
    joined.sink.link(SESSION, replace(joined.switch.link, silenced=code))
    before = joined.connection
    joined.say("nobody hears this")
    await joined.is_said()
    assert joined.outcome() == (TurnKind.FAILED, code)
    assert joined.source.report().deficit == 0, "nothing was waited for"
    joined.sink.link(SESSION, joined.switch.link)
    await joined.hears("again")
    assert joined.connection is before


async def test_muted_in_mid_sentence_the_rest_is_not_spoken(joined: House) -> None:
    joined.say("the sentence goes on and on")
    await until(lambda: joined.director.places["Lounge"].heard().frames > 10)
    joined.sink.link(SESSION, replace(joined.switch.link, silenced="voice_muted"))
    await joined.is_said()
    assert joined.outcome() == (TurnKind.FAILED, "voice_muted")
    assert not joined.director.places["Lounge"].heard().violations


async def test_no_secret_reaches_the_log(joined: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        joined.director.bot("Miku").voice_closes(4006)
        await until(lambda: joined.sink.facts()["voice_connects"] == "2" and joined.is_connected)
    assert len(joined.switch.link.token) > 10
    assert joined.switch.link.token not in caplog.text + str(joined.log)


def test_the_codes_above_are_those_of_the_table() -> None:
    for codes, move in ((RESUMED, Move.RESUME), (RENEWED, Move.RENEW), (IDENTIFIED, Move.IDENTIFY)):
        for code in codes:
            assert Policy().next(event_of(code), 0, resumable=True).move is move
