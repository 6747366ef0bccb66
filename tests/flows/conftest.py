import pytest


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch):
    """Tests that start only some nodes do not wait 2 s for the control levels of the others."""
    monkeypatch.setattr("bus.node.SYNC_PATIENCE_S", 0.2)
