"""The platform's file: read once, all its problems together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_peach.authoring.platform.definitions import (
    DirectorySourceSettings,
    GitHubSourceSettings,
    GitLabSourceSettings,
    GitSourceSettings,
    HostSourceSettings,
    IndexAddress,
    Platform,
    PlatformOrganisation,
    SourceSettings,
)
from airflow_peach.authoring.platform.models import (
    GitHubModel,
    HostModel,
    IndexModel,
    OrganisationModel,
    PlatformModel,
    SourceModel,
)
from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.authoring.validation import described, find
from airflow_peach.authoring.yaml.documents import LIMIT_BYTES, DocumentError, Mapping, read_document
from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

__all__ = [
    "DirectorySourceSettings",
    "GitHubSourceSettings",
    "GitLabSourceSettings",
    "GitSourceSettings",
    "HostSourceSettings",
    "IndexAddress",
    "Platform",
    "PlatformFileError",
    "PlatformOrganisation",
    "SourceSettings",
    "read_platform_file",
]

_SECTIONS: dict[str, type[BaseModel]] = {
    "sources": SourceModel,
    "sources.gitlab": HostModel,
    "sources.github": GitHubModel,
    "indexes": IndexModel,
    "organisations": OrganisationModel,
}


class PlatformFileError(PeachError):
    """The platform's file cannot be used. ``str(error)`` has all its problems, one a line."""


def read_platform_file(path: Path | None) -> Platform:
    """Return what the platform's file says; without a file, the defaults.

    Relative directories in it are relative to its own folder.

    Raises:
        PlatformFileError: it cannot be read, or has problems.
    """
    if path is None:
        return Platform()
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise PlatformFileError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        root = read_document(content)
    except DocumentError as error:
        raise _error(path, [(error.line, error.column, "", error.cause, error.remedy)]) from None
    if root is None or root.data() is None:
        return Platform()
    if not isinstance(root, Mapping) or root.is_set:
        cause = f"expected keys such as 'sources:', not {described(root.data())}"
        raise _error(path, [(root.line, root.column, "", cause, "")])
    findings = find(PlatformModel, root, sections=_SECTIONS)
    if findings:
        raise _error(path, [(f.line, f.column, f.about, f.cause, f.remedy) for f in findings])
    return _platform(PlatformModel.model_validate(root.data()), path.parent.absolute())


def _error(path: Path, found: list[tuple[int, int, str, str, str]]) -> PlatformFileError:
    problems = (
        Problem(Place(str(path), line=line, column=column), about, cause, remedy)
        for line, column, about, cause, remedy in found
    )
    return PlatformFileError("\n".join(map(str, problems)))


def _platform(model: PlatformModel, folder: Path) -> Platform:
    return Platform(
        sources=tuple(_source(source, folder) for source in model.sources or ()),
        indexes=tuple(IndexAddress(index.url, index.connection) for index in model.indexes or ()),
        direct_references=model.direct_references,
        base_requirements=tuple(model.base_requirements or ()),
        organisations={
            codops: _organisation(codops, organisation) for codops, organisation in (model.organisations or {}).items()
        },
    )


def _source(model: SourceModel, folder: Path) -> SourceSettings:
    if model.directory is not None:
        return DirectorySourceSettings(folder / model.directory)
    if model.gitlab is not None:
        return GitLabSourceSettings(**_host(model.gitlab))
    if model.github is not None:
        return GitHubSourceSettings(**_host(model.github))
    return GitSourceSettings(tuple(model.git or ()))


def _host(model: HostModel) -> dict[str, Any]:
    return {**dict(model), "groups": tuple(model.groups or ())}


def _organisation(codops: str, model: OrganisationModel) -> PlatformOrganisation:
    return PlatformOrganisation(
        codops=codops,
        repositories=None if model.repositories is None else tuple(model.repositories),
        queue=model.queue,
        pool=model.pool,
        memory_limit_bytes=model.memory_limit,
        time_limit_seconds=model.time_limit,
        metadata_time_limit_seconds=model.metadata_time_limit,
        requirements=tuple(model.requirements or ()),
    )
