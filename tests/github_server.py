"""A server that speaks GitHub Enterprise's documented API, as far as discovery and commit statuses use it.

REST (https://docs.github.com/rest: repos, search, commit statuses) and the GraphQL question for heads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from tests.git_host import Answer, GitHost

if TYPE_CHECKING:
    from tests.git_host import HostedRepository, Request, User


class GitHubServer(GitHost):
    """GitHub. `organisations` are owners that are no users."""

    organisations: frozenset[str] = frozenset()

    def refusal(self, user: User | None, token: str) -> Answer | None:
        if not token or (user is not None and not user.expired):
            return None
        return Answer(401, {"message": "Bad credentials"})

    def api(self, request: Request) -> Answer:
        if request.path == "/api/graphql":
            return self._graphql(request)
        path = request.path.removeprefix("/api/v3")
        if organisation := re.fullmatch(r"/orgs/([^/]+)", path):
            return Answer(200, {}) if organisation[1] in self.organisations else Answer(404, {"message": "Not Found"})
        if owner := re.fullmatch(r"/(orgs|users)/([^/]+)/repos", path):
            return self._owned(request, *owner.groups())
        if path == "/search/repositories":
            return self._search(request)
        if status := re.fullmatch(r"/repos/(.+)/statuses/([0-9a-f]{40})", path):
            assert request.data["state"] in {"error", "failure", "pending", "success"}
            assert len(request.data["description"]) <= 140
            self.statuses.append((unquote(status[1]), status[2], request.data))
            return Answer(201, {})
        return Answer(404, {"message": "Not Found"})

    def _readable(self, request: Request) -> list[HostedRepository]:
        return [each for each in self.repositories.values() if self.may_read(request.user, each)]

    def _owned(self, request: Request, kind: str, owner: str) -> Answer:
        known = any(path.startswith(f"{owner}/") for path in self.repositories)
        if (owner in self.organisations) != (kind == "orgs") or not known:
            return Answer(404, {"message": "Not Found"})
        return self._page(request, [each for each in self._readable(request) if each.path.startswith(f"{owner}/")])

    def _search(self, request: Request) -> Answer:
        topic = re.fullmatch(r"topic:(\S+) archived:false", request.query["q"])
        assert topic
        found = [each for each in self._readable(request) if topic[1] in each.topics and not each.archived]
        page = self._page(request, found)
        return Answer(200, {"total_count": len(found), "incomplete_results": False, "items": page.data}, page.headers)

    def _page(self, request: Request, found: list[HostedRepository]) -> Answer:
        size, page = int(request.query["per_page"]), int(request.query.get("page", 1))
        headers = {}
        if len(found) > page * size:
            following = urlencode({**request.query, "page": page + 1})
            headers["Link"] = f'<{self.url}{request.path}?{following}>; rel="next"'
        return Answer(200, [self._repository(each) for each in found[(page - 1) * size : page * size]], headers)

    def _repository(self, repository: HostedRepository) -> dict[str, Any]:
        return {
            "node_id": f"R_{repository.number}",
            "full_name": repository.path,
            "topics": repository.topics,
            "archived": repository.archived,
        }

    def _graphql(self, request: Request) -> Answer:
        ids, wanted = request.data["variables"]["ids"], request.data["variables"]["ref"]
        assert "nodes(ids: $ids)" in request.data["query"]
        asked = [each for each in self.repositories.values() if f"R_{each.number}" in ids]
        nodes = [self._node(each, wanted) if self.may_read(request.user, each) else None for each in asked]
        return Answer(200, {"data": {"nodes": nodes}})

    def _node(self, repository: HostedRepository, wanted: str) -> dict[str, Any]:
        refs = repository.refs()

        def ref(name: str) -> dict[str, Any] | None:
            return {"name": name.removeprefix("refs/heads/"), "target": {"oid": refs[name]}} if name in refs else None

        return {"id": f"R_{repository.number}", "wanted": ref(wanted), "defaultBranchRef": ref("refs/heads/master")}
