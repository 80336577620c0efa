"""A server that speaks GitLab's documented API, as far as discovery and commit statuses use it.

REST (https://docs.gitlab.com/api/rest/, …/api/projects/, …/api/groups/, …/api/commits/) and the GraphQL question
for heads (https://docs.gitlab.com/api/graphql/reference/).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from tests.git_host import Answer, GitHost

if TYPE_CHECKING:
    from tests.git_host import HostedRepository, Request, User

_MISSING = Answer(404, {"message": "404 Project Not Found"})


class GitLabServer(GitHost):
    """GitLab. `graphql` False: it is switched off, as an old one's."""

    graphql = True

    def refusal(self, user: User | None, token: str) -> Answer | None:
        if not token or (user is not None and not user.expired and user.scopes):
            return None
        if user is not None and user.expired:
            return Answer(401, {"error": "invalid_token", "error_description": "Token is expired."})
        if user is not None:
            return Answer(403, {"error": "insufficient_scope", "scope": "api read_api"})
        return Answer(401, {"message": "401 Unauthorized"})

    def api(self, request: Request) -> Answer:
        if request.path == "/api/graphql" and request.method == "POST":
            return self._graphql(request)
        path = request.path.removeprefix("/api/v4")
        if path == "/projects":
            return self._keyset(request, self._projects(request))
        if group := re.fullmatch(r"/groups/([^/]+)/projects", path):
            return self._group(request, unquote(group[1]))
        if status := re.fullmatch(r"/projects/(\d+)/statuses/([0-9a-f]{40})", path):
            return self._status(request, int(status[1]), status[2])
        return Answer(404, {"error": "404 Not Found"})

    def _projects(self, request: Request) -> list[HostedRepository]:
        query = request.query
        found = [each for each in self.repositories.values() if self.may_read(request.user, each)]
        if topic := query.get("topic"):
            found = [each for each in found if set(topic.split(",")) <= set(each.topics)]
        if "archived" in query:
            found = [each for each in found if each.archived == (query["archived"].lower() == "true")]
        assert (query["order_by"], query["sort"]) == ("id", "asc")
        return sorted(found, key=lambda each: each.number)

    def _keyset(self, request: Request, found: list[HostedRepository]) -> Answer:
        assert request.query["pagination"] == "keyset"
        size = min(100, int(request.query.get("per_page", 20)))
        found = [each for each in found if each.number > int(request.query.get("id_after", 0))]
        headers = {}
        if len(found) > size:
            following = {**request.query, "id_after": str(found[size - 1].number)}
            # With the address the host takes itself to have, which a proxy may have changed.
            headers["Link"] = f'<{self.url}{request.path}?{urlencode(following)}>; rel="next"'
        return Answer(200, [self._project(each) for each in found[:size]], headers)

    def _group(self, request: Request, group: str) -> Answer:
        if not any(path.startswith(f"{group}/") for path in self.repositories):
            return Answer(404, {"message": "404 Group Not Found"})
        found = [each for each in self._projects(request) if each.path.startswith(f"{group}/")]
        if request.query.get("include_subgroups", "").lower() != "true":
            found = [each for each in found if each.path.count("/") == group.count("/") + 1]
        size, page = min(100, int(request.query.get("per_page", 20))), int(request.query.get("page", 1))
        headers = {"X-Total": str(len(found)), "X-Page": str(page), "X-Per-Page": str(size)}
        if len(found) > page * size:
            following = urlencode({**request.query, "page": str(page + 1)})
            headers["Link"] = f'<{self.url}{request.path}?{following}>; rel="next"'
        return Answer(200, [self._project(each) for each in found[(page - 1) * size : page * size]], headers)

    def _project(self, repository: HostedRepository) -> dict[str, Any]:
        return {
            "id": repository.number,
            "path_with_namespace": repository.path,
            "topics": repository.topics,
            "http_url_to_repo": f"https://elsewhere.example.org/{repository.path}.git",
            "default_branch": "master",
        }

    def _status(self, request: Request, number: int, commit: str) -> Answer:
        repository = next((each for each in self.repositories.values() if each.number == number), None)
        if request.user is None:
            return Answer(401, {"message": "401 Unauthorized"})
        if repository is None or not self.may_read(request.user, repository):
            return _MISSING
        if request.user.name not in repository.members:
            return Answer(403, {"message": "403 Forbidden"})
        assert request.data["state"] in {"pending", "running", "success", "failed", "canceled", "skipped"}
        assert len(request.data["description"]) <= 255
        self.statuses.append((repository.path, commit, request.data))
        return Answer(201, {"id": len(self.statuses), "sha": commit, **request.data})

    def _graphql(self, request: Request) -> Answer:
        if not self.graphql:
            return Answer(404, {"error": "404 Not Found"})
        for field in ("projects(ids: $ids", "rootRef", "tree(ref: $ref)", "lastCommit", "sha"):
            assert field in request.data["query"]
        ids, ref = request.data["variables"]["ids"], request.data["variables"]["ref"]
        if len(ids) > 100:
            return Answer(200, {"errors": [{"message": "Query has complexity of 431, which exceeds max of 250"}]})
        wanted = [each for each in self.repositories.values() if f"gid://gitlab/Project/{each.number}" in ids]
        nodes = [self._node(each, ref) for each in wanted if self.may_read(request.user, each)]
        return Answer(200, {"data": {"projects": {"nodes": nodes}}})

    def _node(self, repository: HostedRepository, ref: str) -> dict[str, Any]:
        refs = repository.refs()
        root = (repository.folder / "HEAD").read_text().strip().removeprefix("ref: ")

        def tree(name: str) -> dict[str, Any] | None:
            return {"lastCommit": {"sha": refs[name]}} if name in refs else None

        return {
            "id": f"gid://gitlab/Project/{repository.number}",
            "repository": {
                "rootRef": root.removeprefix("refs/heads/") if root in refs else None,
                "wanted": tree(ref),
                "default": tree(root),
            },
        }
