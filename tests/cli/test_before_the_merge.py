"""pre-commit's hook, the GitLab component and the steps for GitHub Actions: what they say, run as it is written.

The commands of both CI systems run in a clean environment: a Python of their own with pip, an empty home, the shell and
git, and the wheel where the package index would be.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.base_install import build_wheel, link_dependencies, run
from tests.team import git_environment

if TYPE_CHECKING:
    import subprocess

    from tests.cli.conftest import Team

ROOT = Path(__file__).parent.parent.parent


def component(**inputs: str) -> dict[str, Any]:
    """Return the job of the GitLab component with these inputs, as GitLab would make it."""
    header, body = (ROOT / "templates" / "peach-validate.yml").read_text().split("\n---\n")
    values = {name: each["default"] for name, each in yaml.safe_load(header)["spec"]["inputs"].items()} | inputs
    jobs: dict[str, Any] = yaml.safe_load(re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda match: values[match[1]], body))
    return jobs


def documented(title: str) -> Any:
    """Return the YAML below a heading of the authors' page."""
    page = (ROOT / "docs" / "authors.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {title}\n.*?^```\w+\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert found, title
    return yaml.safe_load(found[1])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel, in place of the package index."""
    return build_wheel(tmp_path_factory.mktemp("index")).parent


@pytest.fixture(scope="module")
def container(index: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a fresh container: a Python that has pip, and the dependencies already, but not the package."""
    image = tmp_path_factory.mktemp("image")
    made = run(sys.executable, "-m", "venv", image)
    assert made.returncode == 0, made.stderr
    link_dependencies(image)
    return {
        "PATH": f"{image / 'bin'}:/usr/bin:/bin",
        "HOME": str(tmp_path_factory.mktemp("empty")),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def shell(script: str, team: Team, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return run("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script, env=env, cwd=team.path)


def test_the_gitlab_component_is_valid(tmp_path: Path) -> None:
    file = tmp_path / ".gitlab-ci.yml"
    file.write_text(yaml.safe_dump(component()))

    assert run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", file).returncode == 0


def test_the_gitlab_components_script_as_written(news: Team, container: dict[str, str]) -> None:
    report = news.path / "gl-code-quality-report.json"
    for method, lines in (("task", []), ("tusk", [5])):
        news.task("debr", "train", method=method)

        done = shell("\n".join(component()["peach-validate"]["script"]), news, container)

        assert done.returncode == len(lines), done.stderr
        found = json.loads(report.read_text())
        assert [entry["location"]["positions"]["begin"]["line"] for entry in found] == lines
        assert ("did you mean" in done.stdout or "functions there: task" in done.stdout) is bool(lines)


def test_the_steps_for_github_actions_as_written(news: Team, container: dict[str, str], tmp_path: Path) -> None:
    news.task("debr", "train")
    news.commit()
    news.git("remote", "add", "origin", str(news.path))
    news.git("fetch", "--quiet", "origin", "master:refs/remotes/origin/main")
    news.task("debr", "train", method="tusk")
    summary = tmp_path / "summary.md"
    _, install, validate, plan = (step.get("run") for step in documented("In GitHub Actions"))

    variables = {**container, "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTIONS": "true"}
    installed, validated, planned = (shell(step, news, variables) for step in (install, validate, plan))

    assert installed.returncode == 0, installed.stderr
    assert (validated.returncode, planned.returncode) == (1, 1), validated.stderr + planned.stderr
    assert re.search(r"^::error file=peach\.yaml,line=5,col=5.*entry function 'tusk' not found", validated.stdout)
    assert "| `debr/train` | `debr` | invalid now; its last valid definition runs on |" in summary.read_text()


def test_the_hooks_of_pre_commit() -> None:
    manifest = ROOT / ".pre-commit-hooks.yaml"

    assert run(sys.executable, "-m", "pre_commit", "validate-manifest", manifest).returncode == 0
    (hook,) = yaml.safe_load(manifest.read_text())
    assert re.search(hook["files"], "peach.conf/team/a.yml")
    assert re.search(hook["files"], "deep/notebook.ipynb")


def test_pre_commit_refuses_a_bad_commit(news: Team, tmp_path: Path) -> None:
    """The configuration of the authors' page, with this repository as it stands where ours would be.

    pre-commit installs it into an environment of the hook's own; what it depends on is there without an index.
    """
    ours = tmp_path / "airflow-peach"
    tracked = run("git", "ls-files", "-z", "include/airflow_peach", "dags", "include/examples").stdout.split("\0")[:-1]
    for name in (*tracked, "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        (ours / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, ours / name)
    commit = type(news)(ours).commit()
    configuration = documented("Before each commit")
    configuration["repos"][0] |= {"repo": str(ours), "rev": commit}
    news.task("debr", "train")
    news.write(".pre-commit-config.yaml", yaml.safe_dump(configuration))
    news.commit()
    for folder in ("bin", "lib/python/site-packages"):
        (tmp_path / "there" / folder).mkdir(parents=True)
    env = {
        **git_environment(news.path),
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "PYTHONPATH": str(link_dependencies(tmp_path / "there", "hatchling")),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's own logic: 0 is yes
    }
    assert run(sys.executable, "-m", "pre_commit", "install", env=env, cwd=news.path).returncode == 0

    news.task("debr", "train", method="tusk")
    refused = run("git", "commit", "--all", "--message", "bad", env=env, cwd=news.path)
    news.task("debr", "train", pool="1")
    unknown = run("git", "commit", "--all", "--message", "bad", env=env, cwd=news.path)
    news.task("debr", "other")
    accepted = run("git", "commit", "--all", "--message", "good", env=env, cwd=news.path)

    assert refused.returncode == unknown.returncode == 1
    assert "news:peach.yaml:5:5: tasks.train.method: entry function 'tusk' not found" in refused.stderr
    assert "tasks.train.pool: unknown key" in unknown.stderr
    assert (accepted.returncode, "Passed" in accepted.stderr) == (0, True), accepted.stderr
