"""All configuration files of one repository, their notebooks looked at: what the team wants to run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_peach.authoring.configuration import ReadFile, read_file
from airflow_peach.authoring.definitions import (
    ConfigurationFile,
    MissingFileError,
    RepositoryConfiguration,
    TooLargeError,
    UnsafePathError,
)
from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.authoring.task_check import TaskCheck
from airflow_peach.authoring.work_tree import MAIN_FILE
from airflow_peach.authoring.yaml.documents import LIMIT_BYTES

if TYPE_CHECKING:
    from airflow_peach.authoring.definitions import RepositoryFiles
    from airflow_peach.authoring.foresight import Foresight

# More than anybody reads of one file at a time; the rest shows when these are mended.
LISTED_PROBLEMS = 50


def read_repository(
    files: RepositoryFiles, *, repository: str, version: str, foresight: Foresight | None = None
) -> RepositoryConfiguration:
    """Read and check everything a repository says. Never raises for what is in it.

    Every file with a codops comes back readable or not; one whose codops cannot be known is not readable, so
    that its last tasks stay where they were. A task with a problem is in ``invalid_tasks``.

    Args:
        files: of the commit or work tree; each notebook is read once.
        repository: its name, for places.
        version: short hash of the commit, or empty, for places.
        foresight: looks for what would fail, too; such tasks are invalid then.
    """
    read = [_read(files, Place(repository, version, path)) for path in files.configuration_paths()]
    read = [_with_codops(file, read) for file in read]
    check = TaskCheck(files, foresight)
    checked = [_with_problems(file, check.problems(file)) for file in read]
    requirements = [entry.text for file in checked for entry in file.configuration.requirements]
    return RepositoryConfiguration(
        repository=repository,
        version=version,
        files=tuple(_settle(file) for file in _unique(checked)),
        hints=tuple(hint for file in checked for hint in check.hints(file, requirements)),
    )


def _read(files: RepositoryFiles, file: Place) -> ReadFile:
    try:
        return read_file(files.read(file.file, limit_bytes=LIMIT_BYTES), file)
    except (MissingFileError, UnsafePathError, TooLargeError) as error:
        cause = str(error).removeprefix(f"{file.file}: ")  # the place says it
        remedy = "move data out of it" if isinstance(error, TooLargeError) else ""
        problem = Problem(replace(file, line=1, column=1), "", cause, remedy)
        return ReadFile(
            ConfigurationFile(path=file.file, requirements_valid=False, readable=False, problems=(problem,)),
            file,
        )


def _with_codops(file: ReadFile, all_files: list[ReadFile]) -> ReadFile:
    """Return the file with the codops that holds for it (DESIGN §4), or with a problem that says why none."""
    configuration = file.configuration
    if configuration.codops is not None or not configuration.readable:
        return file
    codops, why_not = _codops_of_others([other.configuration for other in all_files])
    if codops is None:
        problem = file.problem((), f"no codops here, {why_not}", "add 'codops: …' on the first line")
        problems = (problem, *configuration.problems)
        return replace(file, configuration=replace(configuration, readable=False, problems=problems))
    problems = tuple(replace(problem, codops=codops) for problem in configuration.problems)
    return replace(file, configuration=replace(configuration, codops=codops, problems=problems))


def _codops_of_others(files: list[ConfigurationFile]) -> tuple[str | None, str]:
    """Return the codops of a file that has none, or why there is none."""
    main = next((file for file in files if file.path == MAIN_FILE), None)
    if main is not None and main.codops is not None:
        return main.codops, ""
    # A file that cannot be read may have declared another: better none than a wrong one.
    unknown = [file.path for file in files if file.codops is None and not file.readable]
    if unknown:
        return None, f"and the one in {unknown[0]} cannot be read"
    declared = sorted({file.codops for file in files if file.codops is not None})
    if not declared:
        return None, "nor in any other file of the repository"
    if len(declared) > 1:
        return None, f"and other files of the repository have several: {', '.join(declared)}"
    return declared[0], ""


def _with_problems(file: ReadFile, found: dict[str, list[Problem]]) -> ReadFile:
    """Return the file with more problems, by task, and those tasks invalid."""
    if not found:
        return file
    configuration = file.configuration
    problems = [*configuration.problems, *(problem for problems in found.values() for problem in problems)]
    return replace(
        file,
        configuration=replace(
            configuration,
            tasks=tuple(task for task in configuration.tasks if task.name not in found),
            invalid_tasks=tuple(dict.fromkeys((*configuration.invalid_tasks, *found))),
            problems=tuple(sorted(problems, key=_position)),
        ),
    )


def _position(problem: Problem) -> tuple[int, int]:
    return problem.place.line or 0, problem.place.column or 0


def _unique(all_files: list[ReadFile]) -> list[ReadFile]:
    """Return the files with each task name of an organisation claimed once: by the first that has it."""
    claimed: dict[tuple[str, str], Place] = {}
    result = []
    for file in all_files:
        configuration, found = file.configuration, defaultdict[str, list[Problem]](list)
        # An invalid task keeps its name: mending it must not move the name from one file to another.
        for name in (*(task.name for task in configuration.tasks), *configuration.invalid_tasks):
            if configuration.codops is None:
                break
            problem = file.problem(("tasks", name), "")
            first = claimed.setdefault((configuration.codops, name), problem.place)
            if first.file != problem.place.file:
                cause = f"{configuration.codops} has a task of this name already, at {first}"
                found[name].append(replace(problem, cause=cause, remedy="rename one of them"))
        result.append(_with_problems(file, found))
    return result


def _settle(file: ReadFile) -> ConfigurationFile:
    """Return the file as the rest of the house sees it: an unreadable one says nothing of its tasks."""
    configuration = replace(file.configuration, problems=_first_of(file.configuration.problems))
    if configuration.readable:
        return configuration
    return replace(configuration, tasks=(), invalid_tasks=())


def _first_of(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Return the problems, of too many the first and how many more there are."""
    if len(problems) <= LISTED_PROBLEMS:
        return problems
    more = len(problems) - LISTED_PROBLEMS
    last = replace(
        problems[LISTED_PROBLEMS], about="", cause=f"and {more:,} more problems", remedy="mend those above first"
    )
    return (*problems[:LISTED_PROBLEMS], last)
