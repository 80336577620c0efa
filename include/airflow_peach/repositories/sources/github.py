"""GitHub, or a GitHub Enterprise: repositories with a topic, their heads, and what is said on their commits.

REST for the list (an owner's repositories, or the search for a topic), GraphQL for the heads.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_peach.repositories.remote import HEADS, RemoteHead
from airflow_peach.repositories.sources.host_session import (
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
    from airflow_peach.repositories.sources.host_session import HostSession

log = logging.getLogger(__name__)

_GITHUB = "https://github.com"
_NOT_FOUND = 404
# GitHub's search gives no more.
_SEARCH_LIMIT = 1000
_HEADS_QUERY = """
query peachHeads($ids: [ID!]!, $ref: String!) {
  nodes(ids: $ids) {
    ... on Repository {
      id
      wanted: ref(qualifiedName: $ref) { name target { oid } }
      defaultBranchRef { name target { oid } }
    }
  }
}
"""


class GitHubSource(HostSource):
    """The repositories of GitHub."""

    username = "x-access-token"

    def find(self, login: Login | None, deadline: float) -> list[Found]:
        """List the repositories."""
        with self._session(login, deadline) as session:
            found = (
                [each for owner in self.settings.groups for each in self._of_owner(session, owner)]
                if self.settings.groups
                else list(self._search(session))
            )
        return list({each.remote_id: each for each in found}.values())

    def ask_heads(
        self, ids: Sequence[str], branch: str, login: Login | None, deadline: float
    ) -> Mapping[str, RemoteHead]:
        """Ask GraphQL, which strangers may not."""
        if login is None:
            return {}
        question: Any = {"query": _HEADS_QUERY, "variables": {"ids": list(ids), "ref": HEADS + branch}}
        try:
            with self._session(login, deadline) as session:
                answer = self._read(session.post(self._graphql, json=question))
        except RefusedError as error:
            answer = str(error)
        try:
            found = {node["id"]: _head(node) for node in answer["data"]["nodes"] if node}
        except (KeyError, TypeError):
            log.info("%s: GraphQL tells no heads: %.500s", self.id, answer)
            return {}
        return {each: head for each, head in found.items() if head is not None}

    def set_status(
        self, address: RepositoryAddress, commit: str, status: CommitStatus, login: Login | None, deadline: float
    ) -> None:
        """Set the status (``POST /repos/{owner}/{repo}/statuses/{sha}``)."""
        path = address.name.removeprefix(self.settings.prefix)
        data = {
            "state": "success" if status.good else "failure",
            "context": "peach",
            "description": status.description,
            **({"target_url": status.target_url} if status.target_url else {}),
        }
        with self._session(login, deadline) as session:
            answer = session.post(f"{self._api}/repos/{quote(path)}/statuses/{commit}", json=data)
            self._read(answer, rights="to write commit statuses")

    @property
    def _api(self) -> str:
        return "https://api.github.com" if self.settings.url == _GITHUB else f"{self.settings.url}/api/v3"

    @property
    def _graphql(self) -> str:
        return f"{self._api.removesuffix('/v3')}/graphql"

    @contextmanager
    def _session(self, login: Login | None, deadline: float) -> Iterator[HostSession]:
        with self.session(self._api, deadline) as session:
            session.headers.update({"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"})
            if login:
                session.headers["Authorization"] = f"Bearer {login.password}"
            yield session

    def _of_owner(self, session: HostSession, owner: str) -> Iterator[Found]:
        """Yield an organisation's repositories with the topic, or a user's."""
        kind = "orgs" if session.get(f"{self._api}/orgs/{quote(owner)}").status_code != _NOT_FOUND else "users"
        for page in self._pages(session, f"{self._api}/{kind}/{quote(owner)}/repos?per_page={PAGE}"):
            if not isinstance(page, list):
                raise HostError(_NO_LIST)
            yield from self._chosen(page)

    def _search(self, session: HostSession) -> Iterator[Found]:
        query = quote(f"topic:{self.settings.topic} archived:false", safe="")
        for page in self._pages(session, f"{self._api}/search/repositories?q={query}&per_page={PAGE}"):
            if not isinstance(page, dict) or page.get("incomplete_results") is not False:
                raise HostError("gave half of what it found; the next sync asks again")
            if page["total_count"] > _SEARCH_LIMIT:
                raise HostError(f"finds more than {_SEARCH_LIMIT} repositories, and shows no more; name 'groups'")
            yield from self._chosen(page["items"])

    def _chosen(self, items: Sequence[Any]) -> Iterator[Found]:
        try:
            for each in items:
                if self.settings.topic in each["topics"] and not each["archived"]:
                    yield Found(str(each["full_name"]), str(each["node_id"]))
        except (KeyError, TypeError) as error:
            raise HostError(_NO_LIST) from error

    def _pages(self, session: HostSession, url: str) -> Iterator[Any]:
        following: str | None = url
        while following:
            response = session.get(following)
            yield self._read(response)
            following = response.links.get("next", {}).get("url")

    def _read(self, response: Any, *, rights: str = TO_READ) -> Any:  # noqa: ANN401 - any JSON
        if not response.ok:
            try:
                said = one_line(response.json().get("message", ""))
            except (ValueError, AttributeError):
                said = ""
            raise RefusedError(status_failure(response.status_code, said, self.token_place(), rights=rights))
        return response.json()


_NO_LIST = "answered with something that is no list of repositories"


def _head(node: Mapping[str, Any]) -> RemoteHead | None:
    ref = node["wanted"] or node["defaultBranchRef"]
    return remote_head(ref["name"], ref["target"]["oid"]) if ref else None
