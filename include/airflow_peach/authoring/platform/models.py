"""The platform's file as strict models.

A new kind of source is one more field of ``SourceModel`` and one more settings class.
"""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from airflow_peach.authoring import rules
from airflow_peach.authoring.models import RequirementText, StrictModel
from airflow_peach.authoring.platform.quantities import duration_seconds, size_bytes
from airflow_peach.authoring.problems import quoted

_CONNECTION_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_SIZE_REMEDY = "write it as in 8 GiB or 500 MB"
_DURATION_REMEDY = "write seconds, or as in 30 min or 1.5 h"


def _text(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise rules.problem(f"{quoted(value)} is no name")
    return value


def _size(value: Any) -> Any:  # noqa: ANN401 - what stands in the file
    return _positive(value, size_bytes, "a size", _SIZE_REMEDY)


def _duration(value: Any) -> Any:  # noqa: ANN401 - what stands in the file
    return _positive(value, duration_seconds, "a duration", _DURATION_REMEDY)


def _positive(value: Any, read: Any, what: str, remedy: str) -> Any:  # noqa: ANN401 - what stands in the file
    if value is None:
        raise rules.problem(f"has no value; expected {what}", "give it one, or remove the key")
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise rules.problem(f"expected {what}", remedy)
    try:
        number = read(value if isinstance(value, str) else repr(value))
    except ValueError:
        raise rules.problem(f"{quoted(str(value))} is not {what}", remedy) from None
    if number <= 0:
        raise rules.problem(f"expected {what} greater than 0", remedy)
    return number


def _index_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        has_login = parts.username is not None
    except ValueError:
        raise rules.problem(f"{quoted(value)} is not a URL") from None
    if has_login:
        raise rules.problem("the URL holds a login", "put it in an Airflow connection, and its id in 'connection'")
    if parts.scheme not in {"https", "http", "file"}:
        raise rules.problem(f"{quoted(value)} is not the address of a package index", "write https://…/simple")
    return value


def _connection(value: str) -> str:
    if not _CONNECTION_ID.fullmatch(value):
        raise rules.problem(f"{quoted(value)} is not the id of an Airflow connection")
    return value


def _index(value: Any) -> Any:  # noqa: ANN401 - what stands in the file
    return {"url": value} if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(_text)]
Duration = Annotated[float, BeforeValidator(_duration)]
Codops = Annotated[str, AfterValidator(rules.codops)]


class SourceModel(StrictModel):
    """Where repositories are found; exactly one of the keys."""

    directory: Text | None = Field(
        default=None,
        description="A folder; each subfolder that is a git repository, bare or not, is one.",
        examples=["/srv/repositories"],
    )
    git: list[Text] | None = Field(
        default=None,
        description="URLs of git repositories (https, ssh, file) or absolute paths.",
        examples=[["https://git.example.org/algorithms/news.git"]],
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> SourceModel:
        kinds = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(kinds) != 1:
            known = " or ".join(f"'{name}: …'" for name in type(self).model_fields)
            raise rules.problem(f"a source has one kind, not {len(kinds)}", f"write {known}")
        return self


class IndexModel(StrictModel):
    """A package index; instead of the mapping, its URL alone will do."""

    url: Annotated[str, AfterValidator(_index_url)] = Field(
        description="Address of the index, without a login.", examples=["https://pypi.example.org/simple"]
    )
    connection: Annotated[str, AfterValidator(_connection)] | None = Field(
        default=None, description="Id of the Airflow connection with its login.", examples=["package_index"]
    )


class OrganisationModel(StrictModel):
    """What one organisation may do; all optional."""

    repositories: list[Text] | None = Field(
        default=None,
        description="Patterns of the names of repositories that may speak for it; without this, any may.",
        examples=[["algorithms/*", "news"]],
    )
    queue: Text | None = Field(default=None, description="Airflow queue of its tasks.", examples=["gpu"])
    pool: Text | None = Field(default=None, description="Airflow pool of its tasks.", examples=["debr"])
    memory_limit: Annotated[int, BeforeValidator(_size)] | None = Field(
        default=None, description="Memory of one execution, in bytes or with a unit.", examples=["8 GiB"]
    )
    time_limit: Duration | None = Field(
        default=None,
        description="Hard limit of one execution in its own loop, in seconds or with a unit.",
        examples=["30 min"],
    )
    metadata_time_limit: Duration | None = Field(
        default=None,
        description="Hard limit of one execution in the metadata loop, in seconds or with a unit.",
        examples=["2 min"],
    )
    requirements: list[RequirementText] | None = Field(
        default=None, description="Requirements (PEP 508) added to its own.", examples=[["numpy>=2"]]
    )


class PlatformModel(StrictModel):
    """The platform's file."""

    sources: list[SourceModel] | None = Field(
        default=None,
        description="Where repositories are found.",
        examples=[[{"directory": "/srv/repositories"}]],
    )
    indexes: list[Annotated[IndexModel, BeforeValidator(_index)]] | None = Field(
        default=None,
        description="Package indexes, the first one asked first; without this, the installer's default.",
        examples=[["https://pypi.example.org/simple"]],
    )
    direct_references: bool = Field(
        default=True,
        description="Whether requirements such as 'lib @ git+https://…' are allowed.",
        examples=[False],
    )
    base_requirements: list[RequirementText] | None = Field(
        default=None, description="Requirements (PEP 508) of every organisation.", examples=[["redis>=5"]]
    )
    organisations: dict[Codops, OrganisationModel] | None = Field(
        default=None, description="Organisations by codops.", examples=[{"debr": {"memory_limit": "8 GiB"}}]
    )
