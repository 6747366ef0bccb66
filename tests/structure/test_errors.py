"""Every error that a user may read about can happen, and every code that is named exists."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.errors import CODES

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]


def literals() -> Iterator[str]:
    for room in ("bus", "procs", "cli"):
        for path in (ROOT / room).rglob("*.py"):
            if path != ROOT / "bus" / "errors.py":
                yield from (n.value for n in ast.walk(ast.parse(path.read_text())) if _is_text(n))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_every_code_is_used():
    assert CODES.keys() - set(literals()) == set()


def test_every_code_that_is_raised_is_known():
    raised = {
        call.args[0].value
        for room in ("bus", "procs", "cli")
        for path in (ROOT / room).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "BackendError" and call.args
        if _is_text(call.args[0])
    }
    assert len(raised) > 20
    assert raised - CODES.keys() == set()
