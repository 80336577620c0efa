"""One configuration file: from its bytes to typed tasks and requirements, and all its problems together."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError

from airflow_peach.authoring import rules
from airflow_peach.authoring.definitions import ConfigurationFile, RequirementEntry, TaskEntry
from airflow_peach.authoring.models import ConfigurationModel, TaskModel
from airflow_peach.authoring.problems import Place, Problem, did_you_mean
from airflow_peach.authoring.validation import Finding, described, find, finding_at
from airflow_peach.authoring.yaml.documents import DocumentError, Mapping, Node, Scalar, read_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_peach.authoring.yaml.nodes import Path

_REQUIREMENT_LISTS: tuple[Path, ...] = (("dependencies",), ("tasks", "dependencies"))
# In a file that is not valid YAML: enough to say whose problem it is.
_CODOPS_LINE = re.compile(rb"^codops:[ \t]*(['\"]?)([a-z][a-z0-9_-]{1,31})\1[ \t]*(?:#.*)?\r?$", re.MULTILINE)


@dataclass(frozen=True)
class ReadFile:
    """A configuration file and, where it is YAML, its tree: where each key of it stands."""

    configuration: ConfigurationFile
    file: Place
    root: Node | None = None

    def problem(self, path: Path, cause: str, remedy: str = "") -> Problem:
        """Return a problem at the key that ``path`` leads to."""
        finding = finding_at(self.root, path, cause, remedy) if self.root else _whole_file(cause, remedy)
        return _problem(self.file, finding, self.configuration.codops)


def read_configuration(content: bytes, *, repository: str, version: str, path: str) -> ConfigurationFile:
    """Return what a configuration file says, with all its problems. Never raises for what is in the file.

    Args:
        content: of the file.
        repository: its name, for places.
        version: short hash of the commit, or empty, for places.
        path: of the file in the repository.
    """
    return read_file(content, Place(repository, version, path)).configuration


def read_file(content: bytes, file: Place) -> ReadFile:
    """As ``read_configuration``, with the tree."""
    try:
        root = read_document(content)
    except DocumentError as error:
        return _unreadable(content, file, _whole_file(error.cause, error.remedy, error.line, error.column))
    if not isinstance(root, Mapping) or root.is_set:
        return _unreadable(content, file, _not_a_mapping(root))
    findings = find(ConfigurationModel, root, sections={"tasks": TaskModel}, ignored=("endpoints",))
    names = _task_names(root)
    findings = [_hint_at_dependencies(finding, root) for finding in findings]
    findings += filter(None, (_check_task_name(key, root) for key in names))
    paths = {finding.path for finding in findings}
    declared = root.node(("codops",))
    codops = None if declared is None or ("codops",) in paths else str(declared.data())
    faulty = {path[1] for path in paths if path[:1] == ("tasks",) and len(path) > 1}
    configuration = ConfigurationFile(
        path=file.file,
        codops=codops,
        tasks=tuple(_task(key, root, file) for key in names if key not in faulty),
        invalid_tasks=tuple(name for key, name in names.items() if key in faulty),
        requirements=tuple(_requirements(root, file, paths)),
        requirements_valid=not any(_concerns_requirements(finding) for finding in findings),
        readable=not any(_hides_tasks(finding, root) for finding in findings),
        problems=tuple(
            _problem(file, finding, codops)
            for finding in sorted(findings, key=lambda finding: (finding.line, finding.column))
        ),
    )
    return ReadFile(configuration, file, root)


def _unreadable(content: bytes, file: Place, finding: Finding) -> ReadFile:
    said = _CODOPS_LINE.search(content)
    codops = said[2].decode("ascii") if said and said[2] != b"metadata" else None
    configuration = ConfigurationFile(
        path=file.file,
        codops=codops,
        requirements_valid=False,
        readable=False,
        problems=(_problem(file, finding, codops),),
    )
    return ReadFile(configuration, file)


def _not_a_mapping(root: Node | None) -> Finding:
    remedy = "begin with 'codops: …', then 'tasks:'"
    if root is None or (isinstance(root, Scalar) and root.value is None):
        return _whole_file("the file is empty", remedy)
    cause = f"expected keys such as 'codops:' and 'tasks:', not {described(root.data())}"
    return _whole_file(cause, remedy, root.line, root.column)


def _whole_file(cause: str, remedy: str, line: int = 1, column: int = 1) -> Finding:
    return Finding((), "", line, column, cause, remedy)


def _problem(file: Place, finding: Finding, codops: str | None) -> Problem:
    place = replace(file, line=finding.line, column=finding.column)
    return Problem(place, finding.about, finding.cause, finding.remedy, codops=codops or "")


def _task_names(root: Node) -> dict[Any, str]:
    """Return the name of each task by its key. A key that is no text (`12:`) is a problem with that name."""
    tasks = root.node(("tasks",))
    if not isinstance(tasks, Mapping) or tasks.is_set:
        return {}
    return {key: mark.text for key, (mark, _) in tasks.entries.items() if key != "dependencies"}


def _check_task_name(key: Any, root: Node) -> Finding | None:  # noqa: ANN401 - any YAML value
    if isinstance(key, str):
        try:
            rules.task_name(key)
        except PydanticCustomError as error:
            context = error.context or {}
            return finding_at(root, ("tasks", key), context["cause"], context["remedy"])
    return None


def _hint_at_dependencies(finding: Finding, root: Node) -> Finding:
    """Return the finding; of a misspelt ``tasks.dependencies``, which looks like a task, with that remedy."""
    section, *names = finding.path or ("",)
    if section != "tasks" or len(names) != 1 or names == ["dependencies"]:
        return finding
    if isinstance(root.node(finding.path), Mapping):
        return finding
    hint = did_you_mean(str(finding.path[1]), ["dependencies"])
    return replace(finding, remedy=hint or "write 'notebook: …' and 'method: …' below it, indented")


def _task(name: str, root: Node, file: Place) -> TaskEntry:
    node, mark = root.node(("tasks", name)), root.mark(("tasks", name))
    model = TaskModel.model_validate(node.data() if node else None)
    return TaskEntry(
        name=name,
        notebook=model.notebook,
        method=model.method,
        place=replace(file, line=mark.line, column=mark.column),
        full_notebook=model.full_notebook,
        executor=model.executor,
        loop=model.loop or None,
        args=model.args or {},
    )


def _requirements(root: Node, file: Place, invalid: set[Path]) -> Iterator[RequirementEntry]:
    for path in _REQUIREMENT_LISTS:
        node = root.node(path)
        for position, mark, item in node.children() if node else ():
            if path not in invalid and (*path, position) not in invalid:
                place = replace(file, line=mark.line, column=mark.column)
                yield RequirementEntry(rules.requirement(item.data()), place)


def _concerns_requirements(finding: Finding) -> bool:
    if any(finding.path[: len(path)] == path for path in _REQUIREMENT_LISTS) or finding.path == ():
        return True
    # A misspelt key may have held them; what it asks for must not be taken out of the environment.
    return "'dependencies'" in finding.remedy


def _hides_tasks(finding: Finding, root: Node) -> bool:
    """Whether the finding leaves open which tasks the file has, or whose they are.

    Only a deletion deletes (DESIGN §4): the tasks under `task:` are misspelt, not gone.
    """
    if finding.path in {(), ("tasks",), ("codops",)}:
        return True
    if not finding.unknown_key or len(finding.path) > 1:
        return False
    return root.node(("tasks",)) is None or "'codops'" in finding.remedy
