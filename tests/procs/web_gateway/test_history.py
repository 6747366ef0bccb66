"""Calls and turns as they are kept, read over HTTP."""

import asyncio
import sqlite3

import pytest

from bus.messages import TurnKind
from procs.web_gateway.backends import history
from procs.web_gateway.backends.history import CallRow, Entry, History
from tests.waiting import until

pytestmark = pytest.mark.flow


def row(call_id, started_ms=1_000, owner="operator:a"):
    return CallRow(call_id, owner, f"session-{call_id}", "v1", "page", "Ana", False, 16_000, started_ms)


async def read(browser, path):
    async with browser.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_a_call_is_kept_with_what_was_asked_and_what_was_heard(house):
    async with house.browser() as browser:
        async with house.client() as client:
            session = await client.start(client="test")
            first = await client.ask("Say one.")
            await house.reply(session, first, "One.", [(0, 0, 4)], ms=60)
            await house.sound(session, first, 3)
            await client.get("output.audio.end")
            await house.turn_over(session, first)
            await client.get("turn.ended")
            second = await client.ask("Say more.", 1)
            await house.reply(session, second, "Two three.", [(0, 0, 3), (4_000, 4, 10)], ms=5_000)
            await house.sound(session, second, 200)
            await until(lambda: len(client.sound) > 10)
            await client.send("response.cancel")
            await house.floor(session, second + 1)
            await house.turn_over(session, second, TurnKind.CUT)
            await client.get("turn.ended", 1)
            third = await client.ask("Say it all.", 2)
            await house.reply(session, third, "Four five.", [(0, 0, 4), (4_000, 5, 10)], ms=5_000)
            n_frames = len(client.sound)
            await house.sound(session, third, 15, final=False)
            await until(lambda: len(client.sound) == n_frames + 15)
            await until(lambda: client.all("output.heard")[-1]["turn_id"] == third)
            await house.turn_over(session, third, TurnKind.FAILED, "tts_failed")
            assert (await client.get("turn.ended", 2))["heard_chars"] == 4
            unheard = await client.ask("Say nothing.", 3)
            await house.reply(session, unheard, "Six.")
            await client.get("assistant.response.final", 3)
            await house.turn_over(session, unheard, TurnKind.FAILED, "tts_failed")
            assert (await client.get("turn.ended", 3))["heard_chars"] == 0
            call_id = client.all("hello.ack")[0]["sessionId"]
            (running,) = (await read(browser, "/api/calls"))["calls"]
            assert (running["id"], running["status"], running["client"]) == (call_id, "active", "test")
            await client.send("session.stop")
            await client.closed()
        while not (call := await read(browser, f"/api/calls/{call_id}"))["ended_ms"]:
            await asyncio.sleep(0.01)
    assert (call["status"], call["reason"], call["n_turns"]) == ("ended", "client_requested", 8)
    assert call["duration_ms"] == call["ended_ms"] - call["started_ms"]
    said = [(turn["speaker"], turn["text"], turn["outcome"]) for turn in call["turns"]]
    assert said == [
        ("human", "Say one.", ""),
        ("ai", "One.", "done"),
        ("human", "Say more.", ""),
        ("ai", "Two", "cut"),
        ("human", "Say it all.", ""),
        ("ai", "Four", "failed"),
        ("human", "Say nothing.", ""),
        ("ai", "", "failed"),
    ]
    assert call["turns"][1]["duration_ms"] == 60
    assert 0 < call["turns"][5]["duration_ms"] <= 300
    assert call["turns"][7]["duration_ms"] == 0
    assert "owner" not in call


async def test_what_is_asked_for_wrongly_is_refused(house):
    async with house.browser() as browser:
        for path, status in (
            ("/api/calls?limit=0", 400),
            ("/api/calls?limit=x", 400),
            ("/api/calls?limit=501", 400),
            (f"/api/calls?limit={'9' * 5_000}", 400),
            ("/api/calls/none", 404),
        ):
            async with browser.get(path) as response:
                assert response.status == status


async def written(kept):
    """Run the writer until nothing waits."""
    writer = asyncio.create_task(kept.run())
    await until(lambda: not kept._waiting)
    writer.cancel()
    await asyncio.wait([writer])


async def test_a_call_of_an_earlier_life_is_known_until_it_ends(tmp_path):
    kept = History(tmp_path / "calls.db")
    kept.begin(row("a"))
    kept.begin(row("b"))
    kept.end("b", 9_000, "left")
    kept.end("b", 9_999, "again")
    await written(kept)
    assert [call.id for call in await History(tmp_path / "calls.db").open_calls()] == ["a"]
    assert (await kept.call("", "b"))["ended_ms"] == 9_000
    assert (tmp_path / "calls.db").stat().st_mode & 0o077 == 0
    assert await kept.call("client:x", "a") is None


async def test_a_disk_that_fails_is_told_and_mended_by_itself(tmp_path):
    (tmp_path / "calls.db").mkdir()
    kept = History(tmp_path / "calls.db")
    kept.begin(row("a"))
    await written(kept)
    assert kept.trouble
    assert kept.n_left_out == 2
    assert await kept.calls("", 10) == []
    (tmp_path / "calls.db").rmdir()
    kept.begin(row("b"))
    await written(kept)
    assert kept.trouble == ""
    assert [call["id"] for call in await kept.calls("", 10)] == ["b"]


async def test_a_record_that_can_not_be_written_is_counted_and_ends_nothing(tmp_path):
    kept = History(tmp_path / "calls.db")
    kept.turn(Entry("a", 1, "human", "half a pair: \ud83d", 1_000))
    writer = asyncio.create_task(kept.run())
    await until(lambda: kept.trouble)
    assert kept.n_left_out > 0
    kept.begin(row("b"))
    await until(lambda: kept.trouble == "")
    assert [call["id"] for call in await kept.calls("", 10)] == ["b"]
    writer.cancel()
    await asyncio.wait([writer])


async def test_a_damaged_file_is_set_aside_and_calls_are_kept_in_a_new_one(tmp_path):
    (tmp_path / "calls.db").write_bytes(b"no database" * 99)
    kept = History(tmp_path / "calls.db")
    kept.begin(row("a"))
    await written(kept)
    assert (kept.trouble, kept.n_left_out) == ("", 0)
    assert [call["id"] for call in await kept.calls("", 10)] == ["a"]
    assert (tmp_path / "calls.db.damaged-1").read_bytes() == b"no database" * 99


async def test_a_file_of_a_newer_version_is_left_alone_and_told(tmp_path):
    with sqlite3.connect(tmp_path / "calls.db") as db:
        db.execute("PRAGMA user_version = 99")
    kept = History(tmp_path / "calls.db")
    kept.begin(row("a"))
    await written(kept)
    assert "newer Miku" in kept.trouble
    with sqlite3.connect(tmp_path / "calls.db") as db:
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


async def test_the_file_does_not_grow_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "CALLS_KEPT", 3)
    kept = History(tmp_path / "calls.db")
    for n in range(6):
        kept.begin(row(f"c{n}", n))
        kept.turn(Entry(f"c{n}", 1, "human", "Hi", n))
        kept.end(f"c{n}", n + 1, "left")
    kept.begin(row("new", 99))
    await written(kept)
    assert [call["id"] for call in await kept.calls("", 10)] == ["new", "c5", "c4", "c3"]
    with sqlite3.connect(tmp_path / "calls.db") as db:
        assert db.execute("SELECT count(*) FROM turns").fetchone() == (3,)


def test_what_waits_for_a_stuck_disk_is_bounded(tmp_path):
    kept = History(tmp_path / "calls.db")
    for n in range(history.QUEUE + 10):
        kept.end(f"{n}", 1, "left")
    assert kept.n_left_out == 10
