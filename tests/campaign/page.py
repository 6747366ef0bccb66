"""Makes the table in `docs/campaign.md`: `python -m tests.campaign.page` writes it, a test compares."""

import re
from pathlib import Path

from tests.campaign import marked
from tests.campaign.campaign import Campaign, Limit
from tests.campaign.table import CAMPAIGNS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "campaign.md"
TABLES = re.compile(r"<!-- table: (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def campaigns_table() -> str:
    """The campaigns of the house."""
    head = ("name", "what", "full number", "every run must show", "figures should stay within")
    return _table([head, ("---",) * len(head), *map(_row, CAMPAIGNS)])


def marked_table() -> str:
    """The marked tests of other rooms."""
    rows = [(marked.campaign_id(file), f"`{file}`") for file in marked.files()]
    return _table([("name", "file"), ("---", "---"), *rows])


def rendered(text: str) -> str:
    """The page with its tables made anew."""
    tables = {"campaigns": campaigns_table, "marked": marked_table}
    return TABLES.sub(lambda m: f"<!-- table: {m[1]} -->\n\n{tables[m[1]]()}\n\n<!-- end -->", text)


def _row(campaign: Campaign) -> tuple[str, ...]:
    limits = "; ".join(map(_limit, campaign.limits)) or "-"
    return campaign.id, campaign.name, campaign.full, campaign.target, limits


def _limit(limit: Limit) -> str:
    return f"{limit.figure}: {limit.where} ≤ {limit.most:g}"


def _table(rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text()))
