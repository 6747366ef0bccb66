"""What runs came to, one JSON line each, kept as they end: a campaign that is killed goes on where it was."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.campaign.campaign import Figures

FOLDER = Path(__file__).resolve().parents[2] / "campaign-results"


@dataclass(frozen=True)
class Result:
    """One run."""

    campaign: str
    run: int
    seed: int
    took_s: float
    error: str = ""
    """What was wrong, empty if nothing."""
    figures: Figures = field(default_factory=dict)
    minutes: float = 0.0
    """Length of a run that is measured in time."""


class Results:
    """The results of one seed.

    Args:
        folder: holds a file for each seed; a last line that a killed writer left torn is dropped.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.seed = seed
        self.file = file = folder / f"{seed}.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        text = file.read_text() if file.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            file.write_text(whole)
        self.all = [Result(**json.loads(line)) for line in whole.splitlines()]

    def add(self, result: Result) -> None:
        """Keep a result; it is in the file when this returns."""
        self.all.append(result)
        with self.file.open("a") as stream:
            stream.write(json.dumps(asdict(result)) + "\n")

    def of(self, campaign: str) -> list[Result]:
        """The newest result of each run, by run: a repeated run counts as it last went."""
        newest = {result.run: result for result in self.all if result.campaign == campaign}
        return [newest[run] for run in sorted(newest)]


def newest_seed() -> int | None:
    """The seed of the campaign that was worked on last, None if there was none."""
    files = [file for file in FOLDER.glob("*.jsonl") if file.stem.isdecimal()]
    newest = max(files, key=lambda file: file.stat().st_mtime, default=None)
    return int(newest.stem) if newest else None
