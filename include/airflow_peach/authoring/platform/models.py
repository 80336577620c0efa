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
from airflow_peach.authoring.platform.definitions import DEFAULT_TOPIC
from airflow_peach.authoring.platform.quantities import duration_seconds, size_bytes
from airflow_peach.authoring.problems import quoted

_CONNECTION_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
# How the tokens of GitHub and GitLab begin.
_TOKEN = re.compile(r"gh[pousr]_|github_pat_|gl[a-z]+-", re.IGNORECASE)
_GROUP = re.compile(r"(?!\.)[\w.-]+(?:/(?!\.)[\w.-]+)*")
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


def _host_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise rules.problem(f"{quoted(value)} is not a URL") from None
    if parts.username is not None:
        raise rules.problem(
            "the URL holds a login",
            "put the token in an Airflow connection, and its id in 'connection', or in an environment variable, "
            "and its name in 'token_variable'",
        )
    if parts.scheme not in {"https", "http"} or not host or parts.query or parts.fragment:
        raise rules.problem(f"{quoted(value)} is not the address of a host", "write https://git.example.org")
    # As git writes a host when it asks for a login: in small letters, without the scheme's own port.
    host = f"[{host}]" if ":" in host else host
    shown_port = "" if port in {None, {"http": 80, "https": 443}[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{host}{shown_port}{parts.path.rstrip('/')}"


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value) or _TOKEN.match(value):
        # Not repeated: it may be the token.
        raise rules.problem(
            "this is not the name of an environment variable",
            "write the variable's name, never the token itself, which does not belong in a file",
        )
    return value


def _topic(value: str) -> str:
    if not value.strip() or not value.isprintable() or "," in value:
        raise rules.problem(f"{quoted(value)} is no topic", f"write one topic, such as {DEFAULT_TOPIC}")
    return value


def _group(value: str) -> str:
    if not _GROUP.fullmatch(value):
        raise rules.problem(
            f"{quoted(value)} is not the path of a group", "write it as in algorithms or team/algorithms"
        )
    return value


def _groups(value: list[str]) -> list[str]:
    if not value:
        raise rules.problem("names no group", "name one, or remove the key for all that can be read")
    return value


def _prefix(value: str) -> str:
    if not _GROUP.fullmatch(value.removesuffix("/")):
        raise rules.problem(f"{quoted(value)} is no beginning of a name", "write it as in second/")
    return value


def _index(value: Any) -> Any:  # noqa: ANN401 - what stands in the file
    return {"url": value} if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(_text)]
Duration = Annotated[float, BeforeValidator(_duration)]
Codops = Annotated[str, AfterValidator(rules.codops)]


class HostModel(StrictModel):
    """Repositories that a host names; those with the topic that the token's user can read."""

    url: Annotated[str, AfterValidator(_host_url)] = Field(
        description="Address of the host.", examples=["https://gitlab.example.org"]
    )
    topic: Annotated[str, AfterValidator(_topic)] = Field(
        default=DEFAULT_TOPIC, description="The label that a repository must have.", examples=[DEFAULT_TOPIC]
    )
    groups: Annotated[list[Annotated[str, AfterValidator(_group)]], AfterValidator(_groups)] | None = Field(
        default=None,
        description="Only repositories in these groups and their subgroups; without this, all that can be read.",
        examples=[["algorithms"]],
    )
    prefix: Annotated[str, AfterValidator(_prefix)] = Field(
        default="", description="Put before the names of its repositories.", examples=["second/"]
    )
    connection: Annotated[str, AfterValidator(_connection)] | None = Field(
        default=None,
        description="Id of the Airflow connection with the token as its password.",
        examples=["gitlab"],
    )
    token_variable: Annotated[str, AfterValidator(_variable)] | None = Field(
        default=None, description="Name of the environment variable with the token.", examples=["GITLAB_TOKEN"]
    )
    feedback: bool = Field(
        default=False, description="Whether each head gets a commit status `peach`.", examples=[True]
    )

    @model_validator(mode="after")
    def _one_token(self) -> HostModel:
        if self.connection and self.token_variable:
            raise rules.problem("the token comes from one place", "write 'connection: …' or 'token_variable: …'")
        if self.feedback and not (self.connection or self.token_variable):
            raise rules.problem("feedback needs a token", "add 'connection: …' or 'token_variable: …'")
        return self


class GitHubModel(HostModel):
    """The same of GitHub; ``groups`` are organisations or users."""

    url: Annotated[str, AfterValidator(_host_url)] = Field(
        default="https://github.com", description="Address of the host.", examples=["https://github.com"]
    )


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

    gitlab: HostModel | None = Field(
        default=None,
        description="A GitLab: its projects with a topic.",
        examples=[{"url": "https://gitlab.example.org", "connection": "gitlab"}],
    )
    github: GitHubModel | None = Field(
        default=None,
        description="GitHub, or a GitHub Enterprise: its repositories with a topic.",
        examples=[{"groups": ["example"], "token_variable": "GITHUB_TOKEN"}],
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
