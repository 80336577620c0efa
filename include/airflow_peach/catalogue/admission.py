"""Who may speak for an organisation. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_peach.authoring.definitions import RESERVED_CODOPS
from airflow_peach.authoring.problems import Place, Problem

if TYPE_CHECKING:
    from airflow_peach.authoring.definitions import ConfigurationFile, RepositoryConfiguration
    from airflow_peach.authoring.platform.file import Platform


_REFUSED = "may not speak for"


def is_refusal(problem: Problem) -> bool:
    """Whether a problem is that a repository claims an organisation that is not its own."""
    return problem.about == "codops" and f" {_REFUSED} " in problem.cause


def admitted(
    configuration: RepositoryConfiguration, platform: Platform
) -> tuple[tuple[ConfigurationFile, ...], list[Problem]]:
    """Return the files whose organisation the repository may speak for, and a problem for each other one."""
    accepted: list[ConfigurationFile] = []
    refusals: dict[str, Problem] = {}
    for file in configuration.files:
        cause, remedy = refusal(file.codops, configuration.repository, platform)
        if cause and file.codops is not None:
            place = Place(configuration.repository, configuration.version, file.path)
            problem = Problem(place, "codops", cause, remedy, codops=file.codops)
            refusals.setdefault(file.codops, problem)
        else:
            accepted.append(file)
    return tuple(accepted), list(refusals.values())


def refusal(codops: str | None, repository: str, platform: Platform) -> tuple[str, str]:
    """Return why the repository may not speak for the organisation, and what to do; empty when it may."""
    if codops is None:
        return "", ""
    if codops.casefold() in RESERVED_CODOPS:
        return f"'{codops}' is reserved", "use your organisation's own codops"
    if not platform.organisation(codops).admits(repository):
        remedy = (
            f"ask the platform's operator to add it to the repositories of {codops} in the platform file, "
            "or correct the codops"
        )
        return f"repository {repository} {_REFUSED} {codops}", remedy
    return "", ""
