"""What came of it, as tables for people: campaigns and their figures, and the lag of all loops."""

from collections import defaultdict

from rich.console import Console, Group
from rich.table import Table

from tests.campaign.campaign import Campaign, Figures, Limit, percentile
from tests.campaign.home import NODE_LAG
from tests.campaign.results import Result, Results
from tests.campaign.runner import Portion
from tests.campaign.table import LAG_LIMITS_MS

PASSED, SLOW, PART, FAILED = "passed", "over its limits", "passed so far", "FAILED"
STYLES = {PASSED: "green", SLOW: "yellow", PART: "cyan", FAILED: "bold red"}


def figures_of(results: list[Result]) -> Figures:
    """All values of each figure, without the lag of loops, which is a table of its own."""
    found: Figures = defaultdict(list)
    for result in results:
        for name, values in result.figures.items():
            if not name.startswith(NODE_LAG):
                found[name] += values
    return dict(found)


def exceeded(limits: tuple[Limit, ...], figures: Figures) -> list[Limit]:
    """Limits that the figures do not keep."""
    known = [limit for limit in limits if figures.get(limit.figure)]
    return [limit for limit in known if percentile(figures[limit.figure], limit.share) > limit.most]


def verdict(campaign: Campaign, results: list[Result]) -> str:
    """In a word."""
    if any(result.error for result in results):
        return FAILED
    if exceeded(campaign.limits, figures_of(results)):
        return SLOW
    is_whole = len(results) >= campaign.runs and all(r.minutes >= campaign.minutes for r in results)
    return PASSED if is_whole else PART


def summary(campaigns: list[Campaign], results: Results, portion: Portion) -> Group:
    """Both tables, and how to go on from a failure."""
    return Group(_campaigns(campaigns, results, portion), _lags(results), *_failures(results))


def show(campaigns: list[Campaign], results: Results, portion: Portion, console: Console) -> None:
    """Print the summary."""
    console.print(summary(campaigns, results, portion))


def _campaigns(campaigns: list[Campaign], results: Results, portion: Portion) -> Table:
    table = Table("campaign", "what", "full", "runs", "failed", "figures: p50 / p95 / worst", "verdict")
    for campaign in campaigns:
        done = results.of(campaign.id)
        if not done:
            continue
        n_failed = sum(bool(result.error) for result in done)
        word = verdict(campaign, done)
        figures, shown = _figures(campaign, figures_of(done)), f"[{STYLES[word]}]{word}"
        table.add_row(
            campaign.id,
            campaign.name,
            campaign.full,
            _played(campaign, done, portion),
            str(n_failed),
            figures,
            shown,
        )
    return table


def _played(campaign: Campaign, done: list[Result], portion: Portion) -> str:
    if campaign.minutes:
        return f"{done[-1].minutes:g} min"
    return f"{len(done)} of {max(len(done), portion.runs_of(campaign))}"


def _figures(campaign: Campaign, figures: Figures) -> str:
    over = {limit.figure for limit in exceeded(campaign.limits, figures)}
    lines = []
    for name, values in figures.items():
        numbers = " / ".join(f"{percentile(values, share):.3g}" for share in (0.5, 0.95, 1))
        limits = [limit for limit in campaign.limits if limit.figure == name]
        wanted = ", ".join(f"{limit.where} ≤ {limit.most:g}" for limit in limits)
        line = f"{name}: {numbers}" + (f" ({wanted})" if wanted else "")
        lines.append(f"[yellow]{line}[/]" if name in over else line)
    return "\n".join(lines)


def _lags(results: Results) -> Table:
    """Row F28: the worst second of each run, over all runs of all campaigns."""
    table = Table("F28: lag of the loop, ms", "runs", "p50", "p99", "worst", "limit")
    found: Figures = defaultdict(list)
    for result in results.all:
        for name, values in result.figures.items():
            if name.startswith(NODE_LAG):
                found[name.removeprefix(NODE_LAG)] += values
    for node, values in found.items():
        worst, limit = max(values), LAG_LIMITS_MS[node]
        row = [str(len(values)), *(f"{percentile(values, share):g}" for share in (0.5, 0.99)), f"{worst:g}"]
        table.add_row(node, *row, f"{limit:g}", style="yellow" if worst > limit else "")
    return table


def _failures(results: Results) -> list[str]:
    names = dict.fromkeys(result.campaign for result in results.all)
    done = [result for name in names for result in results.of(name)]
    return [repeat(result, results.seed) for result in done if result.error]


def repeat(result: Result, seed: int) -> str:
    """That a run failed, and the command that plays it once more."""
    what = f"[bold red]{result.campaign} run {result.run} failed[/] (its own seed: {result.seed})"
    return f"{what}. Again: python -m tests.campaign {result.campaign} --seed {seed} --run {result.run}"
