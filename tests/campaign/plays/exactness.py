"""U3: not one sample of a reply is lost or doubled, and every sentence has its end."""

import itertools
import random

from bus.messages import RequestKind
from tests.campaign.campaign import Run
from tests.campaign.tones import heard, letters
from tests.campaign.world import Kind
from tests.doubles import rvc
from tests.doubles.llm import say

SENTENCES = 5
"""Sentences of one reply."""

ENDS = (".", "!", "?", "...", ".", ".")
WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "seven", "silent",
         "ships", "sail", "along", "cold", "shores")  # fmt: skip
BLOBS_BYTES = (61, 777, 3_840, 3_841, 100_000)


def reply(dice: random.Random) -> str:
    """Sentences of a few words, with commas in between."""
    sentences = []
    for _ in range(SENTENCES):
        words = [dice.choice(WORDS) + dice.choice(("", "", "", ",")) for _ in range(dice.randrange(2, 9))]
        words[-1] = words[-1].strip(",")
        sentences.append(" ".join(words).capitalize() + dice.choice(ENDS))
    return " ".join(sentences)


def tokens(dice: random.Random, text: str) -> list[str]:
    """A text as a model streams it: cut anywhere."""
    cuts = sorted({0, len(text), *(dice.randrange(len(text)) for _ in range(len(text) // 4))})
    return [text[first:end] for first, end in itertools.pairwise(cuts)]


async def u3_sentences(run: Run) -> None:
    """A reply through the whole stack, by either kind of voice server."""
    kind = (Kind.SOPRANO, Kind.RVC)[run.index % 2]
    home = await run.world.home(kind)
    text = reply(run.dice)
    run.world.rvc.cut = rvc.parts(run.dice.choice(BLOBS_BYTES))
    run.world.llm.play(say(*tokens(run.dice, text), token_ms=run.dice.choice((0, 2, 20))))
    said = await home.speaks("go on", RequestKind.PROMPT)
    read = heard(await home.recorded(said.answer))
    assert read.text == letters(text), f"{kind.value}: heard {read.text!r} of {text!r}"
    assert read.n_slips == 0, f"{kind.value}: {read.n_slips} slips in {text!r}"
