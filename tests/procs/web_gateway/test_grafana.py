"""The board: every expression names metrics that a session fills, with labels that they have."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bus.messages import NodeState, Phase, TurnKind
from procs.web_gateway.core.metrics import METRICS, Kind, table
from tests.procs.web_gateway.play import Play, door
from tests.waiting import until

pytestmark = pytest.mark.flow

ROOT = Path(__file__).resolve().parents[3]
BOARD = json.loads((ROOT / "deploy/grafana/miku.json").read_text())
EXPRESSIONS = [
    pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for panel in BOARD["panels"]
    for target in panel.get("targets", ())
]


async def a_session() -> dict[str, list[dict[str, str]]]:
    """What a scraper reads after a session with good and bad turns: sample name → labels of its samples."""
    play = Play()
    async with door(play) as (client, cookies):
        await client.get("/metrics")
        await speak(play)
        answer = await client.get("/metrics", cookies=cookies)
        assert answer.status == 200
        samples: dict[str, list[dict[str, str]]] = {}
        for family in text_string_to_metric_families(await answer.text()):
            for sample in family.samples:
                samples.setdefault(sample.name, []).append(sample.labels)
        return samples


async def speak(play: Play) -> None:
    """A session with a turn that is heard and one that fails, lost at its end; a process is replaced."""
    await play.all_healthy()
    await play.session(Phase.ACTIVE)
    await play.house(is_open=False, queued=1)
    await play.playout(sent=50, underruns=1)
    await play.answer("a")
    await play.a_turn()
    await play.a_turn(turn=1_002, end=TurnKind.FAILED, code="llm_timeout")
    await play.health("bot_main", NodeState.READY, pid=9)
    figures = play.observer.figures
    await until(lambda: figures.values("miku_turns_total").get(("failed",)))
    play.observer.look()
    await play.session(Phase.IDLE, reason="voice_lost")
    play.observer.look()


@pytest.fixture(scope="module")
def samples() -> dict[str, list[dict[str, str]]]:
    return asyncio.run(a_session())


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_has_data(samples, expression):
    names = re.findall(r"\bmiku_\w+", expression)
    assert names
    for name in names:
        assert samples.get(name), f"no data: {name}"
        grouped = re.findall(r"by \(([^)]*)\)", expression)
        for label in (part.strip() for group in grouped for part in group.split(",")):
            assert label in samples[name][0]


def test_every_legend_names_labels_that_are_there(samples):
    for panel in BOARD["panels"]:
        for target in panel.get("targets", ()):
            name = re.findall(r"\bmiku_\w+", target["expr"])[0]
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= set(samples[name][0])


def test_every_declared_metric_is_filled_and_on_the_board(samples):
    shown = " ".join(str(target.values[0]) for target in EXPRESSIONS)
    for metric in METRICS.values():
        name = f"{metric.name}_bucket" if metric.kind is Kind.HISTOGRAM else metric.name
        assert samples.get(name), name
        assert re.search(rf"\b{name}\b", shown), f"{name} is on no panel"


def test_the_document_lists_the_metrics_as_they_are_declared():
    assert table() in (ROOT / "docs/web.md").read_text()


def test_a_histogram_counts_cumulatively_and_agrees_with_its_sum(samples):
    bounds = [labels["le"] for labels in samples["miku_prompt_to_first_token_seconds_bucket"]]
    assert bounds[-1] == "+Inf"
    assert [float(b) for b in bounds] == sorted(float(b) for b in bounds)
