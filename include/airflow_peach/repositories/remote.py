"""What a remote says of itself, without anything being fetched: one ``git ls-remote``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_peach.repositories.git_environment import GitError, open_git

if TYPE_CHECKING:
    from airflow_peach.repositories.login import Login

HEADS = "refs/heads/"
_BRANCHES_NAMED = 5


@dataclass(frozen=True)
class RemoteHead:
    """Where the branch that is executed stands. ``ref`` is what to fetch."""

    commit: str
    ref: str
    branch: str


def ask_remote(url: str, branch: str, deadline: float, login: Login | None = None) -> RemoteHead:
    """Ask the remote for the head of ``branch``; when it has none, of its default branch.

    Args:
        url: of the remote.
        branch: the one that is wanted.
        deadline: in ``time.monotonic()``.
        login: for the remote.

    Raises:
        GitError: it cannot be reached, is empty, or leaves open which branch is meant.
        ProcessTimeoutError: no answer before the deadline.
    """
    refs, default = _list(url, deadline, login, "HEAD", HEADS + branch)
    if HEADS + branch in refs:
        return RemoteHead(refs[HEADS + branch], HEADS + branch, branch)
    if "HEAD" in refs:
        # A detached HEAD has no branch; its commit is what the remote shows.
        ref = default or "HEAD"
        return RemoteHead(refs["HEAD"], ref, ref.removeprefix(HEADS))
    # Nothing, or a HEAD that names a branch nobody pushed (`git init --bare`, then a push of another).
    refs, _ = _list(url, deadline, login, HEADS + "*")
    if not refs:
        raise GitError("it is empty: nothing was pushed to it, or everything was removed")
    if len(refs) > 1:
        names = ", ".join(sorted(ref.removeprefix(HEADS) for ref in refs)[:_BRANCHES_NAMED])
        raise GitError(
            f"it has no branch '{branch}' and its default branch does not exist; push '{branch}', or make one "
            f"of its branches ({names}) the default"
        )
    ((ref, commit),) = refs.items()
    return RemoteHead(commit, ref, ref.removeprefix(HEADS))


def remaining_seconds(deadline: float) -> float:
    """Return the time left; never 0, which would mean no limit: one that has passed is met at once."""
    return max(0.001, deadline - time.monotonic())


def _list(url: str, deadline: float, login: Login | None, *patterns: str) -> tuple[dict[str, str], str]:
    """Return the remote's refs with their commits, and the ref that its HEAD names."""
    timeout_seconds = remaining_seconds(deadline)
    answer = open_git(None, login=login).ls_remote("--symref", "--", url, *patterns, kill_after_timeout=timeout_seconds)
    refs: dict[str, str] = {}
    default = ""
    for line in str(answer).splitlines():
        value, _, ref = line.partition("\t")
        if value.startswith("ref: "):
            default = value.removeprefix("ref: ") if ref == "HEAD" else default
        # A pattern matches at the end of a name: refs/remotes/x/HEAD is not meant.
        elif ref == "HEAD" or ref.startswith(HEADS):
            refs[ref] = value
    return refs, default
