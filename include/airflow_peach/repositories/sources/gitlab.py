"""A GitLab: its projects with a topic, their heads, and what is said on their commits.

REST for the list (``GET /projects?topic=…``, keyset pagination; of a group ``GET /groups/:id/projects``), GraphQL
for the heads of a hundred projects in one question. python-gitlab speaks; ``HostSession`` bounds it.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gitlab

from airflow_peach.repositories.remote import HEADS, RemoteHead
from airflow_peach.repositories.sources.host_session import (
    NOT_JSON,
    TO_READ,
    HostError,
    RefusedError,
    one_line,
    status_failure,
)
from airflow_peach.repositories.sources.host_source import PAGE, Found, HostSource, remote_head

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_peach.repositories.address import RepositoryAddress
    from airflow_peach.repositories.login import Login
    from airflow_peach.repositories.sources.commit_status import CommitStatus

log = logging.getLogger(__name__)

_TO_TELL = "to set commit statuses (scope 'api', and the role Developer in the project)"
_ID = "gid://gitlab/Project/"
_HEADS_QUERY = """
query peachHeads($ids: [ID!], $ref: String!) {
  projects(ids: $ids, first: 100) {
    nodes {
      id
      repository {
        rootRef
        wanted: tree(ref: $ref) { lastCommit { sha } }
        default: tree { lastCommit { sha } }
      }
    }
  }
}
"""


class GitLabSource(HostSource):
    """The projects of a GitLab."""

    username = "oauth2"

    def find(self, login: Login | None, deadline: float) -> list[Found]:
        """List the projects."""
        wanted = {
            "topic": self.settings.topic,
            "archived": False,
            "simple": True,
            "order_by": "id",
            "sort": "asc",
            "per_page": PAGE,
        }
        with self._client(login, deadline) as client:
            if not self.settings.groups:
                return _read(client.http_list("/projects", {**wanted, "pagination": "keyset"}, iterator=True))
            found: list[Found] = []
            for group in self.settings.groups:
                path = f"/groups/{quote(group, safe='')}/projects"
                listed = client.http_list(path, {**wanted, "include_subgroups": True}, iterator=True)
                # This list has numbered pages only: one that shrinks while it is read skips a project. The total,
                # on its first page and on its last, tells.
                first_total = getattr(listed, "total", None)
                projects = _read(listed)
                totals = {first_total, getattr(listed, "total", None)} - {None}
                if totals and totals != {len({each.remote_id for each in projects})}:
                    raise HostError("changed its list while it was read; the next sync asks again")
                found += projects
            return list({each.remote_id: each for each in found}.values())

    def ask_heads(
        self, ids: Sequence[str], branch: str, login: Login | None, deadline: float
    ) -> Mapping[str, RemoteHead]:
        """Ask GraphQL."""
        variables = {"ids": [_ID + each for each in ids], "ref": HEADS + branch}
        answer: Any
        try:
            with self._client(login, deadline) as client:
                answer = client.http_post(
                    f"{self.settings.url}/api/graphql", post_data={"query": _HEADS_QUERY, "variables": variables}
                )
        except RefusedError as error:
            answer = str(error)
        try:
            nodes = answer["data"]["projects"]["nodes"]
            found = {str(node["id"]).removeprefix(_ID): _head(node, branch) for node in nodes if node}
        except (KeyError, TypeError):
            # Too complex a question for this host, say: its repositories are asked one by one.
            log.info("%s: GraphQL tells no heads: %.500s", self.id, answer)
            return {}
        return {number: head for number, head in found.items() if head is not None}

    def set_status(
        self, address: RepositoryAddress, commit: str, status: CommitStatus, login: Login | None, deadline: float
    ) -> None:
        """Set the status (``POST /projects/:id/statuses/:sha``)."""
        data = {
            "state": "success" if status.good else "failed",
            "name": "peach",
            "description": status.description,
            **({"target_url": status.target_url} if status.target_url else {}),
        }
        with self._client(login, deadline, rights=_TO_TELL) as client:
            client.http_post(f"/projects/{quote(address.remote_id, safe='')}/statuses/{commit}", post_data=data)

    @contextmanager
    def _client(self, login: Login | None, deadline: float, *, rights: str = TO_READ) -> Iterator[gitlab.Gitlab]:
        """Yield python-gitlab on the host; all that it or HTTP raises becomes a ``HostError``."""
        token = login.password if login else None
        with (
            self.session(self.settings.url, deadline) as session,
            gitlab.Gitlab(self.settings.url, oauth_token=token, session=session, keep_base_url=True) as client,
        ):
            try:
                yield client
            except gitlab.exceptions.GitlabParsingError as error:
                raise HostError(NOT_JSON) from error
            except gitlab.exceptions.GitlabError as error:
                said = one_line(error.error_message)
                message = status_failure(error.response_code or 0, said, self.token_place(), rights=rights)
                raise RefusedError(message) from error


def _read(pages: Any) -> list[Found]:  # noqa: ANN401 - what python-gitlab made of the answer
    """Return all members of all pages; anything but a project ends it: half a list is no list."""
    try:
        return [Found(_text(each["path_with_namespace"]), str(int(each["id"]))) for each in pages]
    except (KeyError, TypeError, ValueError) as error:
        raise HostError("answered with something that is no list of projects") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _head(node: Mapping[str, Any], branch: str) -> RemoteHead | None:
    repository = node["repository"]
    if not repository:
        return None
    tree, name = repository["wanted"], branch
    if not tree or not tree["lastCommit"]:
        tree, name = repository["default"], repository["rootRef"]
    return remote_head(name, tree["lastCommit"]["sha"]) if tree and tree["lastCommit"] else None
