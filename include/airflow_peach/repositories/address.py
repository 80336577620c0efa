"""A repository and where it is fetched from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airflow_peach.errors import PeachError
from airflow_peach.repositories.git_environment import redact

if TYPE_CHECKING:
    from airflow_peach.repositories.login import Login

_SCHEMES = ("file", "http", "https", "ssh")
# git's own rule: user@host:path, with no slash before the colon.
_SCP_LIKE = re.compile(r"^(?:[^/@:]+@)?[^/@:]+:(?P<path>[^:].*)$")


class AddressError(PeachError):
    """A URL or folder that cannot be a repository's address."""


@dataclass(frozen=True)
class RepositoryAddress:
    """A repository and where it is fetched from.

    Attributes:
        name: unique among all sources; what messages call it.
        url: what git is given: a URL or an absolute path, without credentials.
        source: the id of the source it was found in.
        remote_id: what its host calls it besides, empty where it does not (GitLab's number of the project).
        login: for its host; None where none is needed.
    """

    name: str
    url: str
    source: str = ""
    remote_id: str = ""
    login: Login | None = field(default=None, repr=False, compare=False)


def address_of(url: str, *, source: str = "git") -> RepositoryAddress:
    """Return the address of a git URL or an absolute path.

    ``https://host/group/project.git`` and ``git@host:group/project`` are called ``group/project``;
    ``/srv/git/project.git`` and ``file:///srv/git/project.git`` are called ``project``.

    Raises:
        AddressError: it holds credentials, or is no URL that is fetched from.
    """
    if "::" in url:
        raise AddressError(f"{url}: a git remote helper; use an https, http, ssh or file URL")
    if "://" in url:
        path = _url_path(url)
    elif url.startswith("/"):
        path = PurePosixPath(url).name
    elif scp_like := _SCP_LIKE.match(url):
        path = scp_like["path"]
    else:
        raise AddressError(f"{url}: neither a URL nor an absolute path; write it in full")
    name = path.strip("/").removesuffix(".git")
    check_name(name, redact(url))
    return RepositoryAddress(name, url, source)


def host_of(url: str) -> str:
    """Return the host that a repository's URL leads to, with its port; empty for this machine."""
    if "://" not in url:
        return "" if url.startswith("/") else url.partition(":")[0].rpartition("@")[2]
    return urlsplit(url).netloc.rpartition("@")[2]


def _url_path(url: str) -> str:
    try:
        parts = urlsplit(url)
        has_password = parts.password is not None
    except ValueError as error:
        raise AddressError(f"{redact(url)}: not a URL: {error}") from None
    if parts.scheme not in _SCHEMES:
        raise AddressError(f"{redact(url)}: '{parts.scheme}' is not one of {', '.join(_SCHEMES)}")
    if has_password or (parts.scheme.startswith("http") and (parts.username is not None or parts.query)):
        raise AddressError(
            f"{redact(url)}: the URL holds credentials, which would be readable on disk and in the list of "
            "processes; remove them, and give the platform's account access to the repository (an ssh key)"
        )
    path = unquote(parts.path)
    return PurePosixPath(path).name if parts.scheme == "file" else path


def check_name(name: str, where: str) -> None:
    """Raise ``AddressError`` when ``name`` cannot be a repository's; ``where`` is what the message begins with."""
    if not name or not name.isprintable() or set(name.split("/")) & {"", ".", ".."}:
        raise AddressError(f"{where}: no name can be made of it; rename the repository")
