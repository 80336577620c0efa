from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.gitlab_server import GitLabServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "glpat-s3cret"  # noqa: S105 - of a server in this process


@pytest.fixture
def gitlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitLabServer]:
    """A GitLab that knows the user `pipe` by the token in `GITLAB_TOKEN`."""
    monkeypatch.setenv("GITLAB_TOKEN", TOKEN)
    with GitLabServer(tmp_path / "gitlab") as server:
        server.user("pipe", TOKEN)
        yield server
