"""The gateway as a process."""

from bus import Bus, run
from bus.errors import BadSettings
from bus.node import Node
from bus.topics import NODES, SINKS
from procs.sink.backends.pacer import Pacer
from procs.sink.core.session import Rules
from procs.web_gateway.app import WebNode
from procs.web_gateway.backends.browsers import Browsers
from procs.web_gateway.backends.calls_http import Calls
from procs.web_gateway.backends.guard import Guard
from procs.web_gateway.backends.history import History
from procs.web_gateway.backends.http import make_app
from procs.web_gateway.backends.pages_http import Pages
from procs.web_gateway.backends.site import Site
from procs.web_gateway.backends.sockets import Sockets
from procs.web_gateway.backends.watch import Observer
from procs.web_gateway.backends.watch_routes import WatchRoutes
from procs.web_gateway.config import Config, WebSettings
from procs.web_gateway.core.access import Names
from procs.web_gateway.desk import BusDesk

API_KEY_CHARS = 16
JWT_SECRET_BYTES = 32
"""Shorter ones can be guessed."""


def build(bus: Bus, config: Config, secret: str) -> tuple[WebNode, Site]:
    """The gateway and its HTTP side.

    Args:
        secret: seals links and cookies; shared with the command line.

    Raises:
        BadSettings: a secret in the settings can be guessed.
    """
    _check_secrets(config.web)
    web, session, port = config.web, config.session, config.web.page_port(config.bus.base_port)
    desk = BusDesk(bus)
    names = Names(web.host, port, web.hosts, web.origins)
    guard = Guard(names, secret, web.api_key, web.jwt_secret, port, desk.mono_ms, desk.wall_ms)
    history = History(config.base.state_path / "calls.db")
    start_ms, resume_ms = round(session.start_timeout_s * 1000), web.resume_s * 1000
    pacer = Pacer(bus.clock.mono_ns)
    browsers = Browsers(desk, pacer, history, resume_ms, start_ms, offers_webrtc=web.webrtc)
    app = make_app(
        guard,
        Sockets(browsers, guard, web.max_connections).add_routes,
        Calls(browsers).add_routes,
        WatchRoutes(Observer(desk, NODES, SINKS)),
        Pages().add_routes,
    )
    site = Site(app, web.host, port, web.max_connections)
    browsers.site = site if web.enabled else None
    rules = Rules(WebNode.name, web.enabled, start_ms)
    return WebNode(bus, rules, browsers, session.max_sessions), site


def _check_secrets(web: WebSettings) -> None:
    """Refuse what can be guessed (RFC 7518 section 3.2 for the JWT).

    Raises:
        BadSettings: a secret is too short.
    """
    if web.api_key and len(web.api_key) < API_KEY_CHARS:
        raise BadSettings(f"web.api_key is too short: give it at least {API_KEY_CHARS} random characters.")
    if web.jwt_secret and len(web.jwt_secret.encode()) < JWT_SECRET_BYTES:
        raise BadSettings(f"web.jwt_secret is too short: give it at least {JWT_SECRET_BYTES} random bytes.")


def make(node: Node, config: Config) -> WebNode:
    """The gateway with its listening side."""
    return build(node, config, node.keys.token(WebNode.name))[0]


if __name__ == "__main__":
    run(WebNode, Config, make)
