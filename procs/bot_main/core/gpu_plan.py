"""Which graphics card does what during a session, and whether a session fits. Pure.

The plan: while she speaks, text comes from the voice route alone (`llm.base_url`); the servers of
`gpu.free_urls` give their cards free for it. Nothing is switched, so nothing must be switched back: a
server loads its model again when the next one asks.
Sources: `nvidia-smi --help-query-gpu`; the JSON of `rocm-smi --showmeminfo vram`; the kernel's page on
amdgpu (`mem_info_vram_total`, `mem_info_vram_used`, bytes).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bus.foreign_json import read_json

MIB = 1024 * 1024
NAMED = 5
"""Models of a server that are named to people."""
SERVER = "other server"
"""What one that makes room is called to people."""
UNKNOWN = "the model that speaks is loaded, and gpu.voice_cards does not say where"


@dataclass(frozen=True)
class Card:
    """Figures of one graphics card."""

    name: str
    """Vendor and number, like `nvidia0`, `amd1`."""
    free_mib: int
    total_mib: int


@dataclass(frozen=True)
class Freed:
    """What became of one server that was to make room."""

    unloaded: tuple[str, ...] = ()
    """Models it held."""
    code: str = ""
    """Error code of what went wrong: `gpu_unreachable` (nothing is loaded there), `gpu_not_freed`."""
    detail: str = ""


@dataclass(frozen=True)
class GpuReport:
    """Whether a session may begin, and what was seen."""

    code: str = ""
    """Error code if something is amiss."""
    detail: str = ""
    """The figures of it, for people."""
    is_refused: bool = False
    """Whether the session must not begin."""
    freed: tuple[Freed, ...] = ()
    cards: tuple[Card, ...] = ()


def parse_nvidia(text: str) -> list[Card]:
    """Cards from nvidia-smi's lines `index, total MiB, free MiB`; what is no number is left out."""
    found = []
    for line in text.splitlines()[:64]:
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 3 and all(_is_number(field) for field in fields):
            index, total, free = map(int, fields)
            found.append(Card(f"nvidia{index}", free, total))
    return found


def parse_rocm(text: str) -> list[Card]:
    """Cards from rocm-smi's JSON: `{"card0": {"VRAM Total Memory (B)": "...", ...}}`."""
    try:
        table = read_json(text)
    except ValueError:
        return []
    figures = []
    for name, values in table.items() if isinstance(table, dict) else ():
        number = re.fullmatch(r"card(\d{1,4})", name)
        if number and isinstance(values, dict):
            total, used = (
                str(values.get(f"VRAM Total {what}(B)", "")) for what in ("Memory ", "Used Memory ")
            )
            if _is_number(total) and _is_number(used):
                figures.append((int(number[1]), int(total), int(used)))
    return amd_cards((total, used) for _, total, used in sorted(figures))


def amd_cards(figures: Iterable[tuple[int, int]]) -> list[Card]:
    """Cards from (total, used) bytes, numbered in their order."""
    return [
        Card(f"amd{index}", max(0, total - used) // MIB, total // MIB)
        for index, (total, used) in enumerate(figures)
    ]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


def is_card(name: str) -> bool:
    """Whether it names a card as `Card` does."""
    return re.fullmatch(r"(nvidia|amd)\d{1,2}", name) is not None


def needed(entries: Sequence[str]) -> dict[str, int]:
    """MiB by card from entries like `amd0=9000`.

    Raises:
        ValueError: an entry is not of that form; the text is the entry.
    """
    found = {}
    for entry in entries:
        name, _, amount = entry.replace(" ", "").partition("=")
        if not is_card(name) or not _is_number(amount):
            raise ValueError(entry)
        found[name] = int(amount)
    return found


def voice_cards(named: Sequence[str], make: str, needed_mib: Mapping[str, int]) -> tuple[str, ...]:
    """Cards that hold the model that speaks, empty if that is not known.

    Args:
        named: what the operator says; it counts.
        make: else `amd` or `nvidia`, empty = any: the only watched card of that make is meant.

    Raises:
        ValueError: an entry names no card; the text is the entry.
    """
    for entry in named:
        if not is_card(entry):
            raise ValueError(entry)
    meant = tuple(card for card in needed_mib if card.startswith(make))
    return tuple(named) or (meant if len(meant) == 1 else ())


def shortages(cards: Iterable[Card], needed_mib: Mapping[str, int]) -> list[str]:
    """Figures of every card that has less free than is needed; cards that can't be read are not judged."""
    return [
        f"{card.name}: {card.free_mib} of {card.total_mib} MiB free, {needed_mib[card.name]} needed"
        for card in cards
        if card.free_mib < needed_mib.get(card.name, 0)
    ]


def place(url: str) -> str:
    """Host and port of an address, to tell whether two are the same server; empty if it is none."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return ""
    host = {"localhost": "127.0.0.1", "::1": "127.0.0.1"}.get(parts.hostname or "", parts.hostname)
    return f"{host}:{port}" if host else ""


def to_free(free_urls: Iterable[str], voice_url: str) -> list[str]:
    """Servers that make room: each once, and never the one that speaks."""
    kept = {place(voice_url)} if voice_url else set()
    found = []
    for url in free_urls:
        if place(url) not in kept:
            kept.add(place(url))
            found.append(url)
    return found


def judge(
    freed: Sequence[Freed],
    cards: Sequence[Card],
    needed_mib: Mapping[str, int],
    refuses: bool,
    is_loaded: bool,
    speaking: Sequence[str],
) -> GpuReport:
    """Whether a session may begin.

    Args:
        refuses: whether one that would not fit is refused, not only warned about.
        is_loaded: the voice route's model is in memory already, so what it needs is taken, not free.
        speaking: the cards that it is on then; empty = not known, so every card is judged.
    """
    seen = tuple(freed), tuple(cards)
    short = shortages([card for card in cards if not (is_loaded and card.name in speaking)], needed_mib)
    if short:
        hint = [UNKNOWN] if is_loaded and not speaking else []
        return GpuReport("gpu_short", "; ".join(short + hint), refuses, *seen)
    kept = [f"{name}: {one.detail}" for name, one in _named(freed) if one.code == "gpu_not_freed"]
    return GpuReport("gpu_not_freed" if kept else "", "; ".join(kept), False, *seen)


def _named(freed: Sequence[Freed]) -> list[tuple[str, Freed]]:
    """Servers as people know them, numbered: their addresses are the operator's."""
    is_one = len(freed) == 1
    return [(SERVER if is_one else f"{SERVER} {number}", one) for number, one in enumerate(freed, 1)]


def lines(report: GpuReport) -> dict[str, str]:
    """The plan for people: what → how it is."""
    told = {"text": "only the model that speaks"}
    for name, one in _named(report.freed):
        if one.code == "gpu_unreachable":
            state = "does not answer: nothing is loaded there"
        elif one.code:
            state = f"not freed: {one.detail}"
        else:
            state = _unloaded(one.unloaded)
        told[name] = state
    for card in report.cards:
        told[card.name] = f"{card.free_mib:,} of {card.total_mib:,} MiB free at the start"
    if report.code == "gpu_short":
        told["graphics memory"] = f"too little: {report.detail}"
    return told


def _unloaded(models: tuple[str, ...]) -> str:
    shown = ", ".join(models[:NAMED]) + (" ..." if len(models) > NAMED else "")
    return f"unloaded {shown}" if models else "nothing was loaded"
