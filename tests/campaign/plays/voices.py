"""F15: the voice's server misbehaves; what is heard is the text or its beginning, and never out of order."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from tests.campaign.campaign import Run
from tests.campaign.tones import heard, letters
from tests.campaign.world import Kind, World
from tests.doubles import rvc, soprano
from tests.doubles.tone_voice import ToneVoice

Sound = NDArray[np.float32]

SENTENCES = ("the first sentence is here.", "the second one comes behind it.", "and this is the third.")
TEXT = " ".join(SENTENCES)
STALL_S = 2.0

TORN_SLIPS = 6
"""A tone that is torn by two holes, or by the end, is faded there; each fade reads as up to three slips."""
RATES_HZ = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100)


@dataclass(frozen=True)
class Fault:
    """What a server does to one of the sentences."""

    name: str
    kind: Kind
    prepare: Callable[[Run, World], None]
    codes: tuple[str, ...]
    """How the turn may end; empty = spoken."""
    exact: bool = True
    """Whether the sound can be read back: else it is only measured."""
    tears: bool = False
    """Whether sound comes too late in the middle of a tone, so that the sink fades out and in."""


def _spoiled(share: float, value: float) -> Callable[[Sound], Sound]:
    """Some samples are not numbers, or far too loud."""

    def shape(sound: Sound) -> Sound:
        spoiled = sound.copy()
        spoiled[:: max(1, round(1 / share))] = value
        return spoiled

    return shape


def _rvc(fault: rvc.Fault) -> Callable[[Run, World], None]:
    def prepare(run: Run, world: World) -> None:
        world.rvc.stall_s = STALL_S
        world.rvc.faults.extend([rvc.Fault.NONE] * run.dice.randrange(3) + [fault] * run.dice.choice((1, 2)))

    return prepare


def _soprano(fault: soprano.Fault) -> Callable[[Run, World], None]:
    def prepare(run: Run, world: World) -> None:
        world.soprano.stall_s = STALL_S
        world.soprano.faults.extend(
            [soprano.Fault.NONE] * run.dice.randrange(3) + [fault] * run.dice.choice((1, 2))
        )

    return prepare


def _blobs(run: Run, world: World) -> None:
    world.rvc.cut = rvc.parts(round(10 ** run.dice.uniform(1.2, 5)))


def _wrong_rate(run: Run, world: World) -> None:
    """The server speaks at another rate than before, and says so."""
    world.soprano.voice = ToneVoice(run.dice.choice(RATES_HZ), 20)


def _absurd_rate(run: Run, world: World) -> None:
    world.soprano.header = {"sample_rate": run.dice.choice((0, -1, 7, 10**9, "fast", None, True))}


def _nan(run: Run, world: World) -> None:
    world.rvc.shape = _spoiled(0.001, float(run.dice.choice((np.nan, np.inf, -np.inf))))


def _clipped(run: Run, world: World) -> None:
    world.rvc.shape = _spoiled(0.01, run.dice.choice((1.5, -40.0, 1e30)))


FAILS = ("tts_failed", "tts_stalled", "tts_unreachable", "tts_bad_audio")
MENDED = ("", *FAILS)
"""What has not sounded yet is asked for once more."""

FAULTS: tuple[Fault, ...] = (
    Fault("rvc: stall of 2 s", Kind.RVC, _rvc(rvc.Fault.STALL), ("",), tears=True),
    Fault("soprano: stall of 2 s", Kind.SOPRANO, _soprano(soprano.Fault.STALL), ("",), tears=True),
    Fault("rvc: no samples", Kind.RVC, _rvc(rvc.Fault.MUTE), MENDED),
    Fault("soprano: no samples", Kind.SOPRANO, _soprano(soprano.Fault.MUTE), MENDED),
    Fault("soprano: silent in the middle", Kind.SOPRANO, _soprano(soprano.Fault.MUTE_MIDWAY), FAILS),
    Fault("rvc: odd blobs", Kind.RVC, _blobs, ("",)),
    Fault("rvc: not numbers", Kind.RVC, _nan, ("", "tts_bad_audio"), exact=False),
    Fault("rvc: too loud", Kind.RVC, _clipped, ("", "tts_bad_audio"), exact=False),
    Fault("soprano: another rate", Kind.SOPRANO, _wrong_rate, ("",)),
    Fault("soprano: a rate that is none", Kind.SOPRANO, _absurd_rate, FAILS),
    Fault("soprano: sound for somebody else", Kind.SOPRANO, _soprano(soprano.Fault.WRONG_ID), ("",)),
    Fault("soprano: a reply is missing", Kind.SOPRANO, _soprano(soprano.Fault.LOST_REPLY), FAILS),
    Fault("rvc: error", Kind.RVC, _rvc(rvc.Fault.ERROR), MENDED),
    Fault("rvc: reset", Kind.RVC, _rvc(rvc.Fault.RESET), MENDED),
    Fault("rvc: reset in the middle", Kind.RVC, _rvc(rvc.Fault.RESET_MIDWAY), MENDED),
    Fault("soprano: error in the middle", Kind.SOPRANO, _soprano(soprano.Fault.ERROR_MIDWAY), FAILS),
)


async def f15_faults(run: Run) -> None:
    """One fault; then the next text is spoken as if nothing had been."""
    fault = FAULTS[run.index % len(FAULTS)]
    home = await run.world.home(fault.kind)
    fault.prepare(run, run.world)
    try:
        before = home.playout(await home.session())
        said = await home.say(TEXT)
        after = home.playout(said.answer.session)
        assert said.code in fault.codes, f"{fault.name}: ended with {said.code!r}"
        run.note("failures told without their reason", said.is_mistold)
        whole = said.is_whole
        read = heard(await home.recorded(said.answer) if whole else home.recording(said.answer))
    finally:
        run.world.behave()
    if before and after and whole and "stall" not in fault.name:
        run.note("frames nulled", after.nulled - before.nulled)
    if fault.exact:
        fits = read.text == letters(TEXT) if whole else _in_order(read.text)
        assert fits, f"{fault.name}: heard {read.text!r} ({said.code!r})"
        n_slips = TORN_SLIPS if fault.tears or not whole else 0
        assert read.n_slips <= n_slips, f"{fault.name}: {read.n_slips} slips"
    await home.speaks_again("once more.", patience_s=20)


def _in_order(heard_text: str) -> bool:
    """Whether what was heard are sentences, or their beginnings, in order and once at most.

    An RVC server does not name what it speaks, so that a sentence it leaves out is missed in the end only.
    """
    rest = heard_text
    for sentence in map(letters, SENTENCES):
        n_same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(rest, sentence, strict=False)))
        rest = rest[n_same:]
    return not rest
