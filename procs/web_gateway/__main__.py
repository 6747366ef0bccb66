"""The gateway as a process."""

from bus import Bus, run
from procs.sink.core.session import Rules
from procs.web_gateway.app import WebNode
from procs.web_gateway.backends.browsers import Browsers
from procs.web_gateway.config import Config


def make(bus: Bus, config: Config) -> WebNode:
    """The gateway with its listening side."""
    web, session = config.web, config.session
    rules = Rules(WebNode.name, web.enabled, round(session.start_timeout_s * 1000))
    return WebNode(bus, rules, Browsers(), session.max_sessions, 0)


if __name__ == "__main__":
    run(WebNode, Config, make)
