"""Addresses of pages of Airflow and of forges."""

from __future__ import annotations

import pytest

from airflow_peach.monitoring import links

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://gitlab.example.org/group/sub/project.git", "https://gitlab.example.org/group/sub/project"),
        ("https://git.example.org:8443/team/work/", "https://git.example.org:8443/team/work"),
        ("http://git.example.org/team/work", "http://git.example.org/team/work"),
        ("ssh://git@git.example.org:2222/team/work.git", "https://git.example.org/team/work"),
        ("git@github.com:team/work.git", "https://github.com/team/work"),
        ("https://user:secret@git.example.org/team/work", "https://git.example.org/team/work"),
        ('https://git.example.org/a"><script>', "https://git.example.org/a%22%3E%3Cscript%3E"),
        ("https://git.example.org", None),
        ("https://git.example.org:99999/x", None),
        ("file:///srv/work", None),
        ("/srv/work", None),
        ("javascript:alert(1)//x", None),
        ("data://x/y", None),
        ("", None),
    ],
)
def test_a_repositorys_page_is_told_from_its_url(url: str, page: str | None) -> None:
    if url.startswith("javascript:"):  # an scp-like host of that name, and no script
        assert (links.repository_page(url) or "https://").startswith("https://")
    else:
        assert links.repository_page(url) == page


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://gitlab.example.org/a/b.git", f"https://gitlab.example.org/a/b/-/commit/{COMMIT}"),
        ("git@github.com:a/b.git", f"https://github.com/a/b/commit/{COMMIT}"),
        ("/srv/work", None),
    ],
)
def test_a_commits_page(url: str, page: str | None) -> None:
    assert links.commit_page(url, COMMIT) == page


@pytest.mark.parametrize("commit", [None, "", "x", "../../evil", "abc", f"{COMMIT}\n"])
def test_what_is_no_commit_has_no_page(commit: str | None) -> None:
    assert links.commit_page("https://github.com/a/b", commit) is None


def test_a_files_page_has_its_line() -> None:
    url = "https://github.com/a/b"
    assert links.file_page(url, COMMIT, "peach.conf/a b.yaml", 3) == f"{url}/blob/{COMMIT}/peach.conf/a%20b.yaml#L3"
    assert links.file_page(url, COMMIT, "peach.yaml", None) == f"{url}/blob/{COMMIT}/peach.yaml"
    assert links.file_page(url, "", "peach.yaml", 3) is None
    assert links.file_page(url, COMMIT, "", 3) is None


def test_what_a_name_has_in_it_stays_in_its_segment() -> None:
    run = "manual__2031-05-01T12:00:00+00:00/../x?y#z"
    quoted = "manual__2031-05-01T12%3A00%3A00%2B00%3A00%2F..%2Fx%3Fy%23z"
    assert links.run_page("debr", run) == f"dags/debr/runs/{quoted}"
    assert links.log_endpoint("debr", run, "tf", 2) == (f"api/v2/dags/debr/dagRuns/{quoted}/taskInstances/tf/logs/2")
    assert links.artefact_endpoint("debr", "tf", run, "2", kind="artefact") == (
        f"peach/api/organisations/debr/tasks/tf/executions/{quoted}/artefact?try_number=2"
    )
