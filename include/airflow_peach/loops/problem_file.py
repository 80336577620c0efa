"""Shows problems among Airflow's own import errors: one small DAG file for each repository with problems.

The file's code is the same for all; what it says is data in a JSON file beside it, so nothing that a
repository says is ever code. A file that raises harms no other.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Airflow's safe mode reads only files that mention both "dag" and "airflow".
_CODE = '''"""No DAG of Airflow is here: the problems of one repository, shown among the import errors."""

from airflow_peach.loops.problem_file import raise_problems

raise_problems(__file__)
'''


class RepositoryProblemsError(PeachError):
    """The problems of one repository, one a line. They stop nothing: its valid tasks run on."""


def write_problem_file(folder: Path, repository: str, problems: Sequence[str]) -> Path:
    """Write ``problem_<repository>.py`` and its ``.json`` into ``folder``; return the former."""
    digest = hashlib.sha256(repository.encode()).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9]+", "_", repository).strip("_")[:80]
    path = folder / f"problem_{name}_{digest}.py"
    path.with_suffix(".json").write_text(
        json.dumps({"repository": repository, "problems": list(problems)}), encoding="utf-8"
    )
    path.write_text(_CODE, encoding="utf-8")
    return path


def raise_problems(file: str) -> None:
    """Raise what stands in the JSON file beside ``file``.

    Raises:
        RepositoryProblemsError: always; its message is one problem a line.
    """
    content = json.loads(Path(file).with_suffix(".json").read_text(encoding="utf-8"))
    problems = content["problems"]
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise RepositoryProblemsError("\n".join([f"{count} in repository {content['repository']}", *problems]))
