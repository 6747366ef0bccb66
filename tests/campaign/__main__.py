"""`python -m tests.campaign`: plays campaigns, shows how far they are, and sums up.

Exit code 1 if a run failed, 2 if the words make no sense.
"""

import argparse
import asyncio
import secrets
import signal
import sys

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.campaign import marked
from tests.campaign.campaign import Campaign
from tests.campaign.results import FOLDER, Result, Results, newest_seed
from tests.campaign.runner import Portion, Runner
from tests.campaign.summary import repeat, show
from tests.campaign.table import CAMPAIGNS
from tests.campaign.world import World

WIDTH = 200
"""Columns where there is no terminal: each figure has a line."""


def arguments(argv: list[str]) -> argparse.Namespace:
    """The words of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaign", description="Fault, fuzz and soak campaigns; see docs/campaign.md."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="campaigns (see --list); none = all")
    parser.add_argument("--list", action="store_true", help="show all campaigns and end")
    parser.add_argument("--share", type=float, default=1.0, help="part of the full number, like 0.05")
    parser.add_argument("--runs", type=int, help="number of runs of each campaign instead")
    parser.add_argument("--minutes", type=float, help="length of the campaigns measured in time")
    parser.add_argument("--seed", type=int, help="whole number; the same seed goes on where it stopped")
    parser.add_argument("--resume", action="store_true", help="go on with the seed that was played last")
    parser.add_argument("--run", type=int, help="play this one run again")
    args = parser.parse_args(argv)
    if args.resume and args.seed is not None:
        parser.error("--resume takes the seed that was played last; --seed names another")
    if args.run is not None and (len(args.names) != 1 or args.seed is None):
        parser.error("--run needs the name of one campaign and its --seed")
    return args


def chosen(names: list[str]) -> list[Campaign]:
    """The campaigns of the given names; all of them without a name.

    Raises:
        LookupError: a name is unknown.
    """
    ids = [*(campaign.id for campaign in CAMPAIGNS), *(marked.campaign_id(file) for file in marked.files())]
    if unknown := [name for name in names if name not in ids]:
        raise LookupError(f"there is no campaign {', '.join(unknown)}; there are {', '.join(ids)}")
    own = [campaign for campaign in CAMPAIGNS if not names or campaign.id in names]
    return own + marked.campaigns(names)


async def play(
    campaigns: list[Campaign], portion: Portion, results: Results, console: Console, only: int | None
) -> None:
    """Play what is left of each campaign, or only one run."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:

        def tell(result: Result) -> None:
            if result.error:
                console.print(repeat(result, results.seed))
                console.print(escape(result.error))

        async with World() as world:
            runner = Runner(portion, results, world, tell)
            for campaign in campaigns:
                todo = runner.left(campaign) if only is None else [only]
                task = progress.add_task(f"{campaign.id} {campaign.name}"[:60], total=len(todo))
                for index in todo:
                    await runner.play(campaign, index)
                    progress.advance(task)


def listed(campaigns: list[Campaign]) -> Table:
    """All campaigns as a table."""
    table = Table("name", "what", "full", "must show")
    for campaign in campaigns:
        table.add_row(campaign.id, campaign.name, campaign.full, campaign.target)
    return table


def main(argv: list[str]) -> int:
    """Play; returns the exit code."""
    args, console = arguments(argv), Console(stderr=True)
    try:
        campaigns = chosen(args.names)
    except LookupError as error:
        console.print(escape(str(error)))
        return 2
    if args.list:
        Console().print(listed(campaigns))
        return 0
    seed = args.seed if args.seed is not None else newest_seed() if args.resume else None
    seed = secrets.randbelow(10**6) if seed is None else seed
    portion, results = Portion(args.share, args.runs, args.minutes), Results(FOLDER, seed)
    console.print(f"seed {seed}; results in {results.file}; Ctrl-C stops, --resume goes on")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: its stacks end with it
    try:
        asyncio.run(play(campaigns, portion, results, console, args.run))
    except KeyboardInterrupt:
        console.print("stopped; --resume goes on")
    show(campaigns, results, portion, Console(width=None if sys.stdout.isatty() else WIDTH))
    return int(any(result.error for campaign in campaigns for result in results.of(campaign.id)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
