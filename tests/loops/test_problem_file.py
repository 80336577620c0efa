from __future__ import annotations

import runpy
from typing import TYPE_CHECKING

import pytest

from airflow_peach.loops.problem_file import RepositoryProblemsError, write_problem_file

if TYPE_CHECKING:
    from pathlib import Path


def test_the_file_raises_the_problems_and_nothing_it_says_is_code(tmp_path: Path) -> None:
    hostile = '"""\nimport os; os.abort()\n\\'
    file = write_problem_file(tmp_path, "team/../x'; raise SystemExit", [hostile, "second"])
    assert file.parent == tmp_path
    with pytest.raises(RepositoryProblemsError) as caught:
        runpy.run_path(str(file))
    assert "2 problems in repository team/../x" in str(caught.value)
    assert hostile in str(caught.value)


def test_repositories_of_similar_names_have_files_of_their_own(tmp_path: Path) -> None:
    assert write_problem_file(tmp_path, "a/b", ["x"]) != write_problem_file(tmp_path, "a-b", ["x"])


def test_airflows_safe_mode_reads_the_file(tmp_path: Path) -> None:
    content = write_problem_file(tmp_path, "a", ["x"]).read_bytes().lower()
    assert b"dag" in content
    assert b"airflow" in content
