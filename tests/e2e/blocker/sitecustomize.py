"""In the environment of a stack (`PYTHONPATH`): its processes can't import what stands in `MISSING_PACKAGES`.

Python runs this at its start, so a process that is born again while the file names a package is as one on
a machine that has it not.
"""

import os
import sys
from pathlib import Path

_named = Path(os.environ["MISSING_PACKAGES"])
for _package in _named.read_text().split() if _named.exists() else ():
    sys.modules[_package] = None  # type: ignore[assignment]
