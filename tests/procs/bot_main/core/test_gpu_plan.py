"""Whether a session fits, and which servers make room for it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.gpu_plan import (
    MIB,
    Card,
    Freed,
    GpuReport,
    judge,
    lines,
    needed,
    parse_nvidia,
    parse_rocm,
    to_free,
    voice_cards,
)

pytestmark = pytest.mark.unit

ROOM, TIGHT = Card("amd0", 12_000, 16_368), Card("amd0", 4_096, 16_368)


def test_the_tools_figures_are_read():
    assert parse_nvidia("0, 6144, 5021\n1, 24576, 100\n") == [
        Card("nvidia0", 5021, 6144),
        Card("nvidia1", 100, 24576),
    ]
    told = {
        "card1": {"VRAM Total Memory (B)": str(8 * MIB), "VRAM Total Used Memory (B)": str(3 * MIB)},
        "card0": {"VRAM Total Memory (B)": str(16 * MIB), "VRAM Total Used Memory (B)": "0"},
        "system": {"Driver version": "6.8"},
    }
    assert parse_rocm(json.dumps(told)) == [Card("amd0", 16, 16), Card("amd1", 5, 8)]


@given(st.text(max_size=200))
def test_what_a_tool_says_instead_is_no_card_and_no_crash(text: str):
    parse_nvidia(text)
    parse_rocm(text)
    assert parse_nvidia("NVIDIA-SMI has failed because it couldn't communicate with the driver\n") == []
    assert parse_nvidia("0, [N/A], [N/A]") == []
    assert parse_rocm('{"card0": {"VRAM Total Memory (B)": null}}') == []


def test_a_session_that_would_not_fit_is_refused_with_figures_or_warned_about():
    refused = judge([], [TIGHT], {"amd0": 9_000}, True, False, ())
    assert (refused.code, refused.is_refused) == ("gpu_short", True)
    assert refused.detail == "amd0: 4096 of 16368 MiB free, 9000 needed"
    warned = judge([], [TIGHT], {"amd0": 9_000}, False, False, ())
    assert (warned.code, warned.is_refused) == ("gpu_short", False)
    assert judge([], [ROOM], {"amd0": 9_000}, True, False, ()) == GpuReport(cards=(ROOM,))


def test_a_card_that_cannot_be_read_or_is_not_named_refuses_nothing():
    assert judge([], [], {"amd0": 9_000}, True, False, ()).code == ""
    assert judge([], [TIGHT], {"nvidia0": 1_000, "amd0": 0}, True, False, ()).code == ""


def test_a_model_that_is_loaded_already_needs_no_more_room_on_its_own_card():
    full = Card("nvidia0", 100, 6_144)
    needed_mib = {"amd0": 9_000, "nvidia0": 1_500}
    assert judge([], [TIGHT], needed_mib, True, True, ("amd0",)).code == ""
    report = judge([], [full, TIGHT], needed_mib, True, True, ("amd0",))
    assert (report.code, report.detail) == ("gpu_short", "nvidia0: 100 of 6144 MiB free, 1500 needed")
    unknown = judge([], [TIGHT], needed_mib, True, True, ())
    assert unknown.detail == (
        "amd0: 4096 of 16368 MiB free, 9000 needed; "
        "the model that speaks is loaded, and gpu.voice_cards does not say where"
    )
    assert "gpu.voice_cards" not in judge([], [TIGHT], needed_mib, True, False, ()).detail


@pytest.mark.parametrize(
    ("named", "make", "watched", "meant"),
    [
        ((), "", ("nvidia0",), ("nvidia0",)),
        ((), "", ("amd0", "nvidia0"), ()),
        ((), "amd", ("amd0", "nvidia0"), ("amd0",)),
        ((), "amd", ("nvidia0",), ()),
        ((), "nvidia", ("nvidia0", "nvidia1"), ()),
        (("nvidia1", "nvidia0"), "amd", ("nvidia0", "nvidia1", "amd0"), ("nvidia1", "nvidia0")),
    ],
)
def test_the_card_of_the_model_that_speaks_is_named_or_the_only_one_that_can_be_meant(
    named: tuple[str, ...], make: str, watched: tuple[str, ...], meant: tuple[str, ...]
):
    assert voice_cards(named, make, dict.fromkeys(watched, 1)) == meant


def test_a_slip_in_the_card_of_the_model_that_speaks_is_named():
    with pytest.raises(ValueError, match="the big one"):
        voice_cards(["amd0", "the big one"], "", {})


def test_a_server_that_is_down_is_fine_and_one_that_keeps_its_models_is_told():
    down, stuck = (
        Freed(code="gpu_unreachable"),
        Freed(("m",), "gpu_not_freed", "still"),
    )
    assert judge([down], [], {}, True, False, ()).code == ""
    report = judge([down, stuck], [], {}, True, False, ())
    assert (report.code, report.detail, report.is_refused) == (
        "gpu_not_freed",
        "other server 2: still",
        False,
    )
    told = lines(report)
    assert told["text"] == "only the model that speaks"
    assert told["other server 1"] == "does not answer: nothing is loaded there"
    assert told["other server 2"] == "not freed: still"


def test_people_read_what_was_unloaded_and_what_is_free():
    report = judge([Freed(("qwen", "eyes")), Freed()], [TIGHT], {"amd0": 9_000}, True, False, ())
    told = lines(report)
    assert told["other server 1"] == "unloaded qwen, eyes"
    assert lines(judge([Freed(tuple("abcdefg"))], [], {}, True, False, ()))["other server"] == (
        "unloaded a, b, c, d, e ..."
    )
    assert told["other server 2"] == "nothing was loaded"
    assert told["amd0"] == "4,096 of 16,368 MiB free at the start"
    assert "9000 needed" in told["graphics memory"]


def test_the_voices_server_is_never_emptied_and_each_server_only_once():
    urls = ["http://127.0.0.1:8090", "localhost:8091/v1", "http://localhost:8090/", "http://gpu:80"]
    assert to_free(urls, "http://127.0.0.1:8091/v1") == ["http://127.0.0.1:8090", "http://gpu:80"]
    assert to_free(urls[:1], "") == urls[:1]


@pytest.mark.parametrize("entry", ["amd0", "amd0=", "amd=5", "intel0=5", "amd0=-5", "amd0=5GB", "=5"])
def test_a_slip_in_the_needed_memory_is_named(entry: str):
    assert needed(["amd0 = 9000", "nvidia1=0"]) == {"amd0": 9_000, "nvidia1": 0}
    with pytest.raises(ValueError, match=entry):
        needed([entry])
