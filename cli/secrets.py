"""Who reads which secret of the settings, and `supervisord.conf` in step with it.

supervisord gives every program its own whole environment. So each program's `environment` there empties the
variables of those secrets that its sections do not hold: an empty variable counts as none.
"""

import re

from bus.secret_names import secret_names
from cli.settings_table import configs


def holders() -> dict[str, set[str]]:
    """Variable of a secret → the processes that read it."""
    found: dict[str, set[str]] = {}
    for node, config in configs().items():
        for name in secret_names(config):
            found.setdefault(name, set()).add(node)
    return found


def withheld(node: str) -> list[str]:
    """Variables of secrets that a process does not read."""
    return [name for name, nodes in holders().items() if node not in nodes]


def rendered(conf: str) -> str:
    """`supervisord.conf` with every program's `environment` made anew."""

    def fill(match: re.Match[str]) -> str:
        emptied = ",".join(f'{name}=""' for name in withheld(match["node"]))
        return f"{match['head']}environment={emptied}\n"

    head = r"(?P<head>^\[(?:program|eventlistener):(?P<node>\w+)\]\ncommand=.*\n)"
    return re.sub(rf"{head}(?:environment=.*\n)?", fill, conf, flags=re.MULTILINE)
