"""What holds for every input, however bad. For tables, Hypothesis and fuzzing alike: each raises where it does not."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_peach.authoring.definitions import MissingFileError, TooLargeError
from airflow_peach.authoring.entry_function import EntryFunctionError, extract
from airflow_peach.authoring.notebooks import NotebookError
from airflow_peach.authoring.repository import read_repository
from airflow_peach.catalogue.configuration_cache import configuration_from_json, configuration_to_json
from airflow_peach.catalogue.serialise import dump

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_peach.authoring.definitions import RepositoryConfiguration
    from airflow_peach.authoring.problems import Problem
    from airflow_peach.authoring.program import Program

# One line that somebody can read; a path inside a file may be long by itself.
MESSAGE_LIMIT_CHARACTERS = 1500
# Line breaks, and what makes a message look like another one: https://trojansource.codes.
_NEVER_SHOWN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@dataclass(frozen=True)
class MemoryFiles:
    """A ``RepositoryFiles`` of what is given."""

    files: Mapping[str, bytes]

    def configuration_paths(self) -> Sequence[str]:
        return sorted(path for path in self.files if path.endswith((".yaml", ".yml")))

    def read(self, path: str, *, limit_bytes: int) -> bytes:
        if path not in self.files:
            raise MissingFileError(f"{path}: no such file")
        content = self.files[path]
        if len(content) > limit_bytes:
            raise TooLargeError(f"{path}: {len(content):,} bytes; at most {limit_bytes:,} are read")
        return content


GOOD_NOTEBOOK = json.dumps(
    {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [{"cell_type": "code", "source": "def task(**arguments):\n    return arguments\n"}],
    }
).encode()


def _line_breaks(content: bytes) -> int:
    breaks = (b"\n", b"\r", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")
    return sum(content.count(line_break) for line_break in breaks)


def check_message(text: str) -> None:
    """One line, of a length to read, with nothing in it that hides or reorders what it says."""
    hidden = {character for character in text if unicodedata.category(character) in _NEVER_SHOWN}
    assert not hidden, f"{hidden!r} in {text!r}"
    assert len(text) <= MESSAGE_LIMIT_CHARACTERS, f"a message of {len(text)} characters: {text[:200]}"


def check_problem(problem: Problem, files: Mapping[str, bytes]) -> None:
    """It says where, inside the file, and what."""
    place = problem.place
    assert place.file in files, problem
    assert place.line is not None, problem
    assert place.column is not None, problem
    # The last place is where the next line would begin: of a file that ends too soon.
    # libyaml counts the line breaks of Unicode, too.
    assert 1 <= place.line <= 1 + _line_breaks(files[place.file]), problem
    assert place.column >= 1, problem
    assert problem.cause, problem
    check_message(str(problem))


def check_repository(files: Mapping[str, bytes]) -> RepositoryConfiguration:
    """Reading gives problems with places or works, and what it gives can be kept."""
    first = read_repository(MemoryFiles(files), repository="team/work", version="1a2b3c4d")
    kept = dump(configuration_to_json(first))
    assert dump(configuration_to_json(configuration_from_json(json.loads(kept)))) == kept
    kept.encode()
    for problem in first.problems:
        check_problem(problem, files)
    for file in first.files:
        assert file.problems or (file.readable and file.requirements_valid and not file.invalid_tasks), file
        assert not {task.name for task in file.tasks} & set(file.invalid_tasks), file
        for task in file.tasks:
            assert ".." not in task.notebook.split("/"), task
            assert not task.notebook.startswith("/"), task
    return first


def check_configuration(content: bytes) -> RepositoryConfiguration:
    """As ``check_repository``, of one ``peach.yaml`` beside a good notebook."""
    return check_repository({"peach.yaml": content, "n.ipynb": GOOD_NOTEBOOK})


def check_notebook(content: bytes, *, path: str = "n.ipynb", full_notebook: bool = False) -> Program | str:
    """Return what is to be executed, or what the problem says."""
    try:
        program = extract(content, path, "task", full_notebook)
    except (NotebookError, EntryFunctionError) as error:
        check_message(str(error))
        return str(error)
    assert program.cells
    json.dumps([cell.source for cell in program.cells])
    return program


def check_task_of(content: bytes, path: str) -> list[str]:
    """Return what is said of a task whose notebook this is; it is said at its ``notebook`` or its ``method``."""
    configuration = f"codops: debr\ntasks:\n  x:\n    notebook: {path}\n    method: task\n".encode()
    problems = check_repository({"peach.yaml": configuration, path: content}).problems
    for problem in problems:
        assert (problem.place.line, problem.place.column) in {(4, 5), (5, 5)}, problem
    return [str(problem) for problem in problems]
