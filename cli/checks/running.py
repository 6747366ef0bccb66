"""Checks of the stack as it runs, or of the way clear for it to run: ports, supervisord, every process."""

import socket
import stat

from bus.errors import CODES
from bus.messages import NodeState
from bus.topics import NODES
from cli.checks.base import Finding, Situation, fail, ok, warn
from cli.checks.ports import held_by
from procs.guardian.core.verdict import RESTING_CODE

LAGGING_MS = 100
"""An event loop that comes this late would be heard."""


def ports(situation: Situation) -> Finding:
    """Free, or held by this very stack."""
    wanted = situation.stack.ports()
    span = f"{min(wanted)} to {max(wanted)}"
    if situation.running:
        return ok(f"{span}, ours")
    host = situation.stack.bus.host
    taken = [port for port in sorted(wanted) if not _is_free(host, port)]
    if not taken:
        return ok(f"{span}, free")
    by, remedy = held_by(taken[0])
    return fail(f"{taken[0]} is taken", f"Port {taken[0]} ({wanted[taken[0]]}) is taken{by}.", remedy)


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError:
            return False
    return True


def supervisor_socket(situation: Situation) -> Finding:
    """supervisord's socket: for the owner alone."""
    path = situation.stack.socket_path
    if not situation.running:
        return ok("not running")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        remedy = "Restart Miku: `./miku down`, `./miku up`."
        return fail(f"mode {mode:04o}", "Others may control supervisord.", remedy)
    return ok(f"mode {mode:04o}")


def processes(situation: Situation) -> Finding:
    """Every node is there and well."""
    if not situation.running:
        return ok("not running: `./miku up` starts her")
    silent = [node for node in NODES if node not in situation.health]
    if silent:
        return fail(
            f"{len(situation.health)} of {len(NODES)}",
            f"{', '.join(silent)} can't be heard.",
            _of_silent(situation, silent[0]),
        )
    ill = [node for node in NODES if situation.health[node].state is NodeState.DEGRADED]
    if ill:
        value = ", ".join(f"{node} degraded ({situation.health[node].code})" for node in ill)
        (cause, remedy), *others = dict.fromkeys(_of_degraded(situation, node) for node in ill)
        return warn(value, cause, " ".join([remedy, *(word for pair in others for word in pair)]))
    loading = [node for node, health in situation.health.items() if health.state is not NodeState.READY]
    return ok(f"{len(NODES)} processes" + (f", still loading: {', '.join(loading)}" if loading else ""))


def _of_silent(situation: Situation, node: str) -> str:
    guardian = situation.health.get("guardian")
    if guardian and guardian.code == RESTING_CODE:
        rests = f"{guardian.detail}. {CODES[RESTING_CODE].remedy}"
        return f"{rests} The log: {situation.stack.logs_path / node}.log"
    return f"Look at {situation.stack.logs_path / node}.log; the guardian replaces what hangs."


def _of_degraded(situation: Situation, node: str) -> tuple[str, str]:
    """Cause and remedy."""
    health = situation.health[node]
    code = CODES.get(health.code)
    if code is None:
        return health.detail or health.code, f"Look at {situation.stack.logs_path / node}.log."
    return code.cause, code.remedy


def loops(situation: Situation) -> Finding:
    """Nobody's event loop is late."""
    if not situation.health:
        return ok("not running")
    node, health = max(situation.health.items(), key=lambda item: item[1].loop_lag_ms)
    value = f"worst {health.loop_lag_ms} ms ({node})"
    if health.loop_lag_ms > LAGGING_MS:
        return warn(value, "The machine is too busy for even sound.", "End other work on this machine.")
    return ok(value)


def wire(situation: Situation) -> Finding:
    """Nobody refuses what another sends."""
    refused = {n: h.decode_errors for n, h in situation.health.items() if h.decode_errors}
    if refused:
        return warn(
            ", ".join(f"{node} {count}" for node, count in refused.items()),
            "Messages were refused: wrong version, or something foreign on the ports.",
            "Restart Miku after an upgrade; look for other programs that use these ports.",
        )
    return ok("0 refused messages" if situation.running else "not running")
