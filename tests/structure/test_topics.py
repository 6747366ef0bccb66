import dataclasses

import pytest

import bus.messages
from bus.topics import NODES, PEOPLE, PORT_SPAN, TOPICS, Pattern, flow_port, publisher_port

pytestmark = pytest.mark.unit

ROWS = list(TOPICS.values())


def test_every_fact_has_one_writer():
    assert [row.name for row in ROWS if row.pattern is not Pattern.REQUEST and len(row.writers) != 1] == []
    assert [row.name for row in ROWS if row.pattern is Pattern.REQUEST and len(row.readers) != 1] == []


def test_writers_and_readers_exist():
    known = {*NODES, *PEOPLE}
    assert {name for row in ROWS for name in (*row.writers, *row.readers)} <= known


def test_states_and_events_are_written_by_nodes_since_only_they_publish():
    published = [row for row in ROWS if row.pattern in (Pattern.STATE, Pattern.EVENT, Pattern.FLOW)]
    assert {row.writers[0] for row in published} <= set(NODES)


def test_every_queue_has_a_bound_and_every_lease_outlives_a_lost_renewal():
    flows = [row for row in ROWS if row.pattern in (Pattern.FLOW, Pattern.REQUEST)]
    assert all(row.limit > 0 for row in flows)
    states = [row for row in ROWS if row.pattern is Pattern.STATE and row.lease_ms]
    assert all(row.lease_ms >= 3 * row.period_ms for row in states)


def test_no_message_without_a_topic_and_every_row_is_explained():
    nested = {"Mark", "ChatMessage", "FeatureState", "SettingValue"}
    messages = {
        name
        for name, value in vars(bus.messages).items()
        if dataclasses.is_dataclass(value) and value.__module__ == "bus.messages"
    }
    assert messages - nested == {row.message.__name__ for row in ROWS}
    assert all(row.doc.endswith(".") for row in ROWS)


def test_ports_are_distinct_and_within_the_span_of_a_stack():
    ports = [publisher_port(node, 0) for node in NODES]
    ports += [flow_port(row.name, 0) for row in ROWS if row.pattern in (Pattern.FLOW, Pattern.REQUEST)]
    assert len(set(ports)) == len(ports)
    assert max(ports) < 30 <= PORT_SPAN
