"""Where executed notebooks are kept: ``<home>/artefacts/<codops>/<task>/<run>-<try>.ipynb``."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Of an execution's label in a file name, which has 255 bytes at most.
LABEL_CHARACTERS = 200


def execution_label(run_id: str, try_number: int) -> str:
    """Return what names an execution among those of its task."""
    return f"{run_id}-{try_number}"


def artefact_path(home: Path, codops: str, task: str, label: str) -> Path:
    """Return where the executed notebook of an execution is kept; it need not be there."""
    return home / "artefacts" / codops / task / f"{_file_name(label)}.ipynb"


def _file_name(label: str) -> str:
    """Return a file name for a label: itself if it may be one, else one of its own that looks like it."""
    safe = re.sub(r"[^A-Za-z0-9_.:~+-]", "_", label).lstrip(".")[:LABEL_CHARACTERS]
    if safe == label:
        return label
    return f"{safe}-{hashlib.sha256(label.encode(errors='backslashreplace')).hexdigest()[:8]}"
