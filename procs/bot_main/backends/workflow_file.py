"""The operator's workflow file for the image server: ComfyUI's API format, read with distrust."""

from pathlib import Path
from typing import Any

from bus.errors import BadSettings
from procs.bot_main.core.comfyui import as_json
from procs.bot_main.core.drawing import BUILT_IN, Workflow, workflow_fault

WORKFLOW_LIMIT_BYTES = 1024 * 1024


def read_workflow(file: str) -> Workflow:
    """The operator's workflow, the built-in one without.

    Raises:
        BadSettings: it can't be used; one sentence with the remedy.
    """
    if not file:
        return BUILT_IN
    path = Path(file).expanduser()
    try:
        with path.open("rb") as stream:
            text = stream.read(WORKFLOW_LIMIT_BYTES + 1)
    except OSError as error:
        raise BadSettings(
            f"drawing.workflow_file {path.name} can't be read: {error.strerror}. Correct the path."
        ) from None
    workflow: Any = as_json(text) if len(text) <= WORKFLOW_LIMIT_BYTES else None
    if fault := workflow_fault(workflow):
        raise BadSettings(f"drawing.workflow_file {path.name} {fault}.")
    return dict(workflow)
