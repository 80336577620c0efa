"""Addresses: Airflow's pages and API, relative to its root, and commits and files in a forge. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

# scp-like: git@host:group/project.git; a name of one letter would be a drive.
_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^@/:]{2,}):(?P<path>[^/].*)")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def _segment(text: str) -> str:
    return quote(text, safe="")


def dag_page(dag_id: str) -> str:
    """Return the page of a DAG."""
    return f"dags/{_segment(dag_id)}"


def run_page(dag_id: str, run_id: str) -> str:
    """Return the page of a run."""
    return f"{dag_page(dag_id)}/runs/{_segment(run_id)}"


def task_page(dag_id: str, task_id: str) -> str:
    """Return the page of a task."""
    return f"{dag_page(dag_id)}/tasks/{_segment(task_id)}"


def execution_page(dag_id: str, run_id: str, task_id: str, try_number: int) -> str:
    """Return the page of one execution."""
    return f"{run_page(dag_id, run_id)}/tasks/{_segment(task_id)}?try_number={try_number}"


def log_endpoint(dag_id: str, run_id: str, task_id: str, try_number: int) -> str:
    """Return where Airflow's API has the log of one execution."""
    return (
        f"api/v2/dags/{_segment(dag_id)}/dagRuns/{_segment(run_id)}/taskInstances/{_segment(task_id)}/logs/{try_number}"
    )


def trigger_endpoint(dag_id: str) -> str:
    """Return where Airflow's API takes a triggered run."""
    return f"api/v2/dags/{_segment(dag_id)}/dagRuns"


def artefact_endpoint(codops: str, task: str, run_id: str, try_number: str, *, kind: str) -> str:
    """Return where our API has the executed notebook; ``kind`` is ``artefact`` (the file) or ``artefact.html``."""
    path = "/".join(map(_segment, (codops, "tasks", task, "executions", run_id, kind)))
    return f"peach/api/organisations/{path}?try_number={_segment(try_number)}"


def repository_page(url: str) -> str | None:
    """Return the web page of a repository from the URL it is fetched from; None where there is none to be told.

    Knows what GitLab, GitHub and their like do: the page is at the URL without ``.git``. The page is ``https`` (or
    ``http`` where the repository is fetched so) and nothing else: it becomes a link that people click.
    """
    parts = urlsplit(url)
    if parts.scheme in {"https", "http"} and parts.hostname:
        try:
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            return None
        host, path, scheme = f"{parts.hostname}{port}", parts.path, parts.scheme
    elif parts.scheme in {"ssh", "git+ssh"} and parts.hostname:
        host, path, scheme = parts.hostname, parts.path, "https"
    elif "://" not in url and (scp := _SCP.fullmatch(url)):
        host, path, scheme = scp["host"], scp["path"], "https"
    else:
        return None
    path = quote(path.strip("/").removesuffix(".git"), safe="/~")
    return f"{scheme}://{host}/{path}" if path else None


def commit_page(url: str, commit: str | None) -> str | None:
    """Return the web page of a commit; None where there is none to be told."""
    page = repository_page(url)
    if page is None or commit is None or not _COMMIT.fullmatch(commit):
        return None
    return f"{page}/{_infix(page)}commit/{commit}"


def file_page(url: str, version: str, file: str, line: int | None) -> str | None:
    """Return the web page of a file of a commit; None where there is none to be told."""
    page = repository_page(url)
    if page is None or not file or not _COMMIT.fullmatch(version):
        return None
    anchor = f"#L{line}" if line is not None else ""
    return f"{page}/{_infix(page)}blob/{version}/{quote(file)}{anchor}"


def _infix(page: str) -> str:
    # GitLab's way. What is a GitLab by another name redirects from the short one, which GitHub and Gitea have.
    return "-/" if "gitlab" in (urlsplit(page).hostname or "") else ""
