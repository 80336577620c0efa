"""``peach init``, ``plan``, ``schema``, completion, and the helper for authors' tests, as their users call them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.terminal import in_a_terminal

from airflow_peach.cli.main import COMMANDS
from airflow_peach.testing import TaskFailedError, run_task

if TYPE_CHECKING:
    from tests.cli.conftest import Peach, Team

ROOT = Path(__file__).parent.parent.parent


def test_a_first_task_validates_and_runs(peach: Peach, news: Team) -> None:
    made = peach("init", "--codops", "debr", "--task", "my.task", "--notebook", "notebooks/a.ipynb", cwd=news.path)

    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.splitlines()[-1] == "Next: peach validate; peach run my.task; then commit."
    assert peach("validate", cwd=news.path).stdout.splitlines() == [
        "✔ news:peach.yaml:3:3: my.task in its organisation's loop",
        "1 valid task, no problems",
    ]
    ran = peach("run", "my.task", "--format", "json", cwd=news.path)
    assert (ran.returncode, json.loads(ran.stdout)["value"]) == (0, "Hello, world!")


def test_init_asks_in_a_terminal(peach: Peach, news: Team) -> None:
    """Until the answer is valid; an empty one is the default."""
    typed = "DEBR\ndebr\nmy task\nweather\n\nrun it\n\n"

    code, shown = in_a_terminal({"": typed}, "init", cwd=news.path)

    assert code == 0, shown
    assert "Error: 'DEBR' is not a codops" in shown
    assert "Error: 'my task' is not a task's name" in shown
    assert "Notebook [weather.ipynb]: " in shown
    assert "Error: 'run it' is not the name of a function" in shown
    assert shown.splitlines()[-1] == "Next: peach validate; peach run weather; then commit."
    assert peach("validate", cwd=news.path).stdout.splitlines()[-1] == "1 valid task, no problems"


def test_init_can_be_left(news: Team) -> None:
    code, _ = in_a_terminal({"organisation": "debr\n", "Name of the task": "\x03"}, "init", cwd=news.path)

    assert code == 130
    assert list(news.path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "--codops is missing, and there is no terminal to ask in"),
        (["--codops", "DEBR"], 2, "'DEBR' is not a codops; write 2 to 32 lower-case letters"),
        (["--codops", "debr", "--task", "environment"], 2, "the name 'environment' is reserved"),
        (["--codops", "debr", "--method", "a b"], 2, "'a b' is not the name of a function"),
    ],
)
def test_what_init_refuses(peach: Peach, news: Team, arguments: list[str], code: int, said: str) -> None:
    done = peach("init", *arguments, cwd=news.path)

    assert done.returncode == code
    assert said in " ".join(done.stderr.split())
    assert list(news.path.iterdir()) == []


def test_init_for_a_notebook_that_is_there(peach: Peach, news: Team) -> None:
    news.notebook("nb/x.ipynb", "def train(a, b=2):\n    return a\n\ndef plot():\n    pass\n")
    wanted = ("init", "--codops", "debr", "--task", "train", "--notebook", "nb/x.ipynb", "--method")

    missing = peach(*wanted, "trian", cwd=news.path)
    assert missing.returncode == 2
    assert "not found in nb/x.ipynb; did you mean 'train'?" in " ".join(missing.stderr.split())
    assert peach(*wanted, "train", cwd=news.path).returncode == 0
    assert "      a: null  # ?\n" in (news.path / "peach.yaml").read_text()
    assert peach("validate", cwd=news.path).returncode == 0
    (news.path / "peach.yaml").unlink()
    assert peach(*wanted, "plot", cwd=news.path).returncode == 0
    assert peach("validate", cwd=news.path).returncode == 0


def test_a_folder_of_a_repository_is_not_the_root(peach: Peach, news: Team) -> None:
    news.git("init", "--quiet")
    folder = type(news)(news.path / "team")
    folder.path.mkdir()

    refused = peach("init", "--codops", "debr", cwd=folder.path)
    folder.task("debr", "train")
    validated = peach("validate", cwd=folder.path)

    assert refused.stderr.endswith(f"is a folder of a repository, whose root alone is read: peach init {news.path}\n")
    assert refused.returncode == 1
    assert "! team:peach.yaml:1:1: is in a folder of the repository news" in validated.stdout
    assert validated.returncode == 0


def test_init_overwrites_nothing(peach: Peach, news: Team) -> None:
    news.task("debr", "train")
    before = (news.path / "peach.yaml").read_text()

    done = peach("init", "--codops", "sesr", "--notebook", "n.ipynb", cwd=news.path)

    assert done.returncode == 1
    assert "peach.yaml: is there already" in done.stderr
    assert (news.path / "peach.yaml").read_text() == before


TWO = """codops: debr
tasks:
  first: {notebook: n.ipynb, method: task}
  second: {notebook: n.ipynb, method: task}
  third: {notebook: n.ipynb, method: task}
dependencies: [numpy]
"""
CHANGED = """codops: debr
# moved by a line
tasks:
  first: {notebook: n.ipynb, method: task, args: {}}
  second: {notebook: n.ipynb, method: tusk}
  fourth: {notebook: n.ipynb, method: task, loop: metadata}
dependencies: [pandas]
"""


def test_a_plan(peach: Peach, news: Team) -> None:
    news.notebook("n.ipynb", "def task():\n    return 1\n")
    news.write("peach.yaml", TWO)
    news.commit()
    same = peach("plan", cwd=news.path)
    assert (same.returncode, same.stdout, same.stderr) == (0, "the loops stay as they are\n", "")
    news.write("peach.yaml", CHANGED)

    text = peach("plan", cwd=news.path)
    assert (text.returncode, text.stderr) == (1, "")
    assert text.stdout.splitlines()[:5] == [
        "! debr/second (debr): invalid now; its last valid definition runs on",
        "+ debr/fourth (metadata): added",
        "- debr/third (debr): removed",
        "+ debr requires pandas",
        "- debr requires numpy",
    ]
    assert "tasks.second.method: entry function 'tusk' not found" in text.stdout.splitlines()[5]
    data = json.loads(peach("plan", "--format", "json", cwd=news.path).stdout)
    assert [(each["kind"], each["task"]) for each in data["tasks"]] == [
        ("stale", "second"),
        ("added", "fourth"),
        ("removed", "third"),
    ]
    markdown = peach("plan", "--format", "markdown", cwd=news.path).stdout
    assert "| `debr/fourth` | `metadata` | added |" in markdown.splitlines()


def test_a_plan_before_the_first_commit(peach: Peach, news: Team) -> None:
    news.task("debr", "train")
    without_git = peach("plan", cwd=news.path)
    news.git("init", "--quiet")

    assert "is no git repository, so it has no commits; make it one with git init" in without_git.stderr
    assert peach("plan", cwd=news.path).stdout == "+ debr/train (debr): added\n"


def test_a_plan_tells_what_is_changed(peach: Peach, news: Team) -> None:
    news.notebook("n.ipynb", "def task(a=1):\n    return a\n")
    news.write("peach.yaml", TWO)
    news.commit()
    news.write(
        "peach.yaml",
        TWO.replace(
            "first: {notebook: n.ipynb, method: task}",
            "first: {notebook: n.ipynb, method: task, loop: metadata, args: {a: 2}}",
        ),
    )

    done = peach("plan", cwd=news.path)

    assert (done.returncode, done.stdout) == (0, "~ debr/first (metadata): changed loop, args\n")
    assert peach("plan", "--against", "no-such-branch", cwd=news.path).returncode == 1


def test_the_schema_is_the_published_one(peach: Peach, tmp_path: Path) -> None:
    published = (ROOT / "include/airflow_peach/authoring/configuration.schema.json").read_text()

    assert peach("schema").stdout == published
    assert peach("schema", "--output", tmp_path / "s.json").returncode == 0
    assert (tmp_path / "s.json").read_text() == published


def test_completion(peach: Peach) -> None:
    environment = {"_PEACH_COMPLETE": "bash_complete", "COMP_WORDS": "peach va", "COMP_CWORD": "1"}
    script = "from airflow_peach.cli.main import main; main()"

    assert peach.python("-c", script, env=environment).stdout == "plain,validate\n"
    assert "_peach_completion" in peach.python("-c", script, env={"_PEACH_COMPLETE": "zsh_source"}).stdout


STARTED = """
import sys, time
from airflow_peach.cli.main import main
try:
    main([sys.argv[1], "--help"])
except SystemExit:
    pass
print(time.process_time(), *sorted({"airflow", "git", "rich", "pydantic", "IPython"} & set(sys.modules)))
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_help_starts_at_once(peach: Peach, name: str) -> None:
    """In 0.3 s on an idle machine: measured is the processor's time, which others hardly change."""
    seconds, *imported = peach.python("-c", STARTED, name).stdout.splitlines()[-1].split()

    assert imported == []
    assert float(seconds) < 0.9  # three times as long, for a busy machine


def test_fifty_notebooks_are_validated_in_half_a_second(peach: Peach, news: Team) -> None:
    lines = ["codops: debr", "tasks:"]
    for number in range(50):
        cells = [{"cell_type": "code", "source": f"import os\nx{step} = {step}\n" * 10} for step in range(20)]
        cells.append({"cell_type": "code", "source": "import json\n\ndef task(a=1):\n    return json.dumps(a)\n"})
        notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
        news.write(f"n{number}.ipynb", json.dumps(notebook))
        lines.append(f"  t{number}: {{notebook: n{number}.ipynb, method: task}}")
    news.write("peach.yaml", "\n".join(lines))

    began = os.times()
    assert peach("validate", cwd=news.path).returncode == 0
    ended = os.times()

    seconds = ended.children_user + ended.children_system - began.children_user - began.children_system
    assert seconds < 1.5  # three times as long, for a busy machine


def test_an_authors_own_test(news: Team, tmp_path: Path) -> None:
    news.notebook("n.ipynb", "def task(a):\n    print('asked for', a)\n    return 10 / a\n")
    news.write("peach.yaml", "codops: debr\ntasks:\n  divide: {notebook: n.ipynb, method: task, args: {a: 5}}\n")

    done = run_task("divide", repository=news.path, home=tmp_path / "home")
    assert (done.value, done.reason) == (2.0, "ok")
    assert "asked for 5" in done.log
    with pytest.raises(TaskFailedError, match="ZeroDivisionError") as raised:
        run_task("divide", {"a": 0}, repository=news.path, home=tmp_path / "home")
    assert raised.value.result.record["version"] == "work-tree"
    assert not run_task("divide", {"a": 0}, repository=news.path, home=tmp_path / "home", check=False).succeeded
