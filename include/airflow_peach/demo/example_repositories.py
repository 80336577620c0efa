"""Makes git repositories from the example files, once: what a user commits in them stays."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import git

AUTHOR = {
    "GIT_AUTHOR_NAME": "airflow-peach demo",
    "GIT_AUTHOR_EMAIL": "demo@example.org",
    "GIT_COMMITTER_NAME": "airflow-peach demo",
    "GIT_COMMITTER_EMAIL": "demo@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
BRANCH = "master"


def make_repositories(examples: Path, into: Path) -> list[Path]:
    """Make a git repository in ``into`` from each folder of ``examples`` that is not there yet; return all."""
    into.mkdir(parents=True, exist_ok=True)
    made = []
    for example in sorted(path for path in examples.iterdir() if path.is_dir()):
        target = into / example.name
        if not target.exists():
            _make(example, target)
        made.append(target)
    return made


def _make(example: Path, target: Path) -> None:
    for leftover in target.parent.glob(f".{target.name}.*"):  # of a demo that was killed; only one has this home
        shutil.rmtree(leftover)
    beside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    shutil.copytree(example, beside, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    beside.chmod(0o755)
    # Without the user's template, whose hooks are none of the example's business. GitPython calls any template unsafe.
    with git.Repo.init(beside, initial_branch=BRANCH, template="", allow_unsafe_options=True) as repository:
        repository.git.update_environment(**AUTHOR)
        repository.git.add(all=True)
        repository.git.commit(message="The example as it comes with airflow-peach")
    beside.rename(target)
