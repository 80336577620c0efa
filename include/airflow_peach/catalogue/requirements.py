"""Which requirements each organisation has, and who asked for each. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from airflow_peach.catalogue.model import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_peach.authoring.definitions import ConfigurationFile
    from airflow_peach.authoring.platform.file import Platform
    from airflow_peach.catalogue.model import Catalogue, RepositoryStatus

# Repository and path; and what a file asks for.
_File: TypeAlias = tuple[str, str]
_Asked: TypeAlias = tuple[Requirement, ...]


def requirements_of(
    files: Mapping[str, tuple[ConfigurationFile, ...]],
    statuses: Mapping[str, RepositoryStatus],
    previous: Catalogue,
    platform: Platform,
) -> dict[str, _Asked]:
    """Return the requirements that files ask for, by codops, in the order repository, file, position.

    A file with an invalid requirement keeps its last valid ones; when it had none, it gets those that are
    valid now. A repository that could not be read keeps all it had.

    Args:
        files: of each repository that was read, those that may speak for their organisation.
        statuses: of all repositories there are.
        previous: the last catalogue.
        platform: says which repositories may speak for an organisation.
    """
    before = _by_file(previous)
    found: dict[str, dict[_File, _Asked]] = defaultdict(dict)
    for (repository, path), by_codops in before.items():
        if repository in statuses and repository not in files:
            for codops, asked in by_codops.items():
                if platform.organisation(codops).admits(repository):
                    found[codops][repository, path] = asked
    for repository, accepted in files.items():
        for file in accepted:
            for codops, asked in _of_file(repository, file, before.get((repository, file.path), {})):
                found[codops][repository, file.path] = asked
    return {
        codops: tuple(requirement for _, asked in sorted(by_file.items()) for requirement in asked)
        for codops, by_file in sorted(found.items())
    }


def _of_file(repository: str, file: ConfigurationFile, before: Mapping[str, _Asked]) -> Iterator[tuple[str, _Asked]]:
    """Yield what one file asks for, by codops: of one, unless the file cannot be read."""
    if not file.readable:
        yield from before.items()
    elif file.codops is not None:
        last_valid = () if file.requirements_valid else before.get(file.codops, ())
        yield file.codops, last_valid or _asked_by(repository, file)


def _by_file(previous: Catalogue) -> dict[_File, dict[str, _Asked]]:
    """Return what each file asked for before, by codops."""
    grouped: dict[_File, dict[str, _Asked]] = defaultdict(lambda: defaultdict(tuple))
    for codops, organisation in previous.organisations.items():
        for requirement in organisation.requirements:
            if requirement.repository:
                grouped[requirement.repository, requirement.file][codops] += (requirement,)
    return grouped


def _asked_by(repository: str, file: ConfigurationFile) -> _Asked:
    asked: Iterable[Requirement] = (
        Requirement(entry.text, f"{repository}:{file.path}:{entry.place.line}", repository, file.path)
        for entry in file.requirements
    )
    return tuple(dict.fromkeys(asked))
