"""The safe environment of every git call.

Only named variables of ours pass. Configuration comes from ``git.config`` beside this file and from nowhere
else: no user, no system, no ``GIT_*`` variable, no hook, no filter, no credential helper but our own, no prompt.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from airflow_peach.errors import PeachError
from airflow_peach.processes import ProgramMissingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_peach.repositories.git_command import RepositoryGit
    from airflow_peach.repositories.login import Login

CONFIGURATION = Path(__file__).with_name("git.config")
CREDENTIAL_HELPER = Path(__file__).with_name("credential_helper.sh")

# What git, curl and ssh need of us: programs, libraries, proxies, certificates, the ssh agent.
_PASSED = (
    "PATH",
    "LD_LIBRARY_PATH",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
)

_FIXED = {
    # No file of the user: neither .gitconfig nor .netrc. ssh takes its keys from the account, not from HOME.
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": str(CONFIGURATION),
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    # Stronger than protocol.*: no configuration can add ext:: or another helper to it.
    "GIT_ALLOW_PROTOCOL": "file:http:https:ssh",
    # A source must not make git fetch from elsewhere with the source's own configuration (CVE-2024-32004).
    "GIT_NO_LAZY_FETCH": "1",
    # A question nobody will answer is a failure; a dead connection is noticed within a minute.
    "GIT_SSH_COMMAND": ("ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=3"),
}


class GitError(PeachError):
    """A git command failed; the message is what git said, redacted."""


class RemoteGitError(GitError):
    """The remote refused, or could not be reached: nothing is wrong on this side."""


class SilentRemoteError(RemoteGitError):
    """The remote said nothing for so long that git gave up."""


_URL_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")


def git_environment(git_dir: Path | None = None, login: Login | None = None) -> dict[str, str]:
    """Return the whole environment of a git call.

    Args:
        login: what our credential helper answers with, when git asks it about this host and no other.
        git_dir: the repository it works on. Named, so that git looks for none in the folders above, and does
            not ask who owns it.
    """
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    environment |= _FIXED
    if git_dir is not None:
        environment["GIT_DIR"] = str(git_dir)
    if login is not None:
        # Not in the URL (it would be on disk), not as an argument (all can read those), not as a header (git
        # sends those to where a redirect leads).
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"credential.{login.origin}.helper",
            "GIT_CONFIG_VALUE_0": '!sh "$PEACH_CREDENTIAL_HELPER"',
            "PEACH_CREDENTIAL_HELPER": str(CREDENTIAL_HELPER),
            "PEACH_LOGIN_ORIGIN": login.origin,
            "PEACH_LOGIN_USERNAME": login.username,
            "PEACH_LOGIN_PASSWORD": login.password,
        }
    return environment


def open_git(path: Path | None, *, inherited: Sequence[int] = (), login: Login | None = None) -> RepositoryGit:
    """Return git on a repository, or on none; the one place that imports GitPython (a tenth of a second).

    Args:
        path: the bare repository.
        inherited: file descriptors that the git processes keep open.
        login: for its remote.

    Raises:
        ProgramMissingError: there is no git here; GitPython tries it when it is imported.
    """
    try:
        from airflow_peach.repositories.git_command import RepositoryGit  # noqa: PLC0415 - see above
    except ImportError as error:
        raise ProgramMissingError("git cannot be run: install git 2.31 or newer, and have it on PATH") from error
    return RepositoryGit(path, inherited=inherited, login=login)


def redact(url: str) -> str:
    """Return ``url`` without credentials: no password, no user of http, no query."""
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        user = parts.netloc.rpartition("@")[0].partition(":")[0]
    except ValueError:
        return url.partition("://")[0] + "://…"
    if user and not parts.scheme.startswith("http"):
        host = f"{user}@{host}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def redact_text(text: str) -> str:
    """Return ``text`` with every URL in it redacted."""
    return _URL_IN_TEXT.sub(lambda match: redact(match.group()), text)
