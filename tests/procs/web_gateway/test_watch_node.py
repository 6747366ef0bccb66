"""The observer over real sockets: the gateway hears others and itself, and counts what it takes."""

import asyncio

import pytest

from bus.messages import NodeState, PlayoutState, TurnEvent, TurnKind
from bus.topics import NODES, SINKS
from procs.web_gateway.app import WebNode
from procs.web_gateway.backends.watch import Observer
from procs.web_gateway.desk import BusDesk
from tests.flows.network import CONTRACTS, SESSION, Network, floor
from tests.waiting import until

pytestmark = pytest.mark.flow

OWN = "web_gateway"


async def test_the_gateway_sees_its_own_sound_and_health_beside_those_of_the_others(monkeypatch):
    monkeypatch.setattr("bus.node.SYNC_PATIENCE_S", 0.2)
    monkeypatch.setitem(CONTRACTS, OWN, (WebNode.reads, WebNode.writes))
    async with Network() as network:
        (bot,) = await network.start("bot_main")
        gateway = network._running[OWN][1]  # the second sink comes along with the first start
        observer = Observer(BusDesk(gateway), NODES, SINKS)
        running = asyncio.create_task(observer.run())
        bot.report(NodeState.READY)
        gateway.report(NodeState.READY)
        gateway.set_state(f"report.playout.{OWN}", PlayoutState(1_001, 20, 0, 0, sent=5), SESSION)
        floor(bot, 1_000)

        def ready() -> set[str]:
            return {row["name"] for row in observer.processes() if row["state"] == "ready"}

        await until(lambda: ready() == {"bot_main", OWN})
        bot.emit("report.turn.bot_main", TurnEvent(TurnKind.ACCEPTED), SESSION, 1_001)
        await until(lambda: observer.view()["turns"])
        gateway.emit(f"report.turn.{OWN}", TurnEvent(TurnKind.FIRST_FRAME), SESSION, 1_001)
        await until(lambda: len(observer.view()["turns"][0]["milestones"]) == 2)
        assert observer.figures.values("miku_frames_sent_total") == {(OWN,): 5}
        counted = observer.figures.values("miku_bus_messages_total")
        assert counted[("report.turn.bot_main",)] == 1
        assert (f"report.turn.{OWN}",) not in counted, "its own messages never travel"
        running.cancel()
