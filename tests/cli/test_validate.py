from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Peach, Team

TASK = "codops: debr\ntasks:\n  train:\n    notebook: n.ipynb\n    method: task\n"

# What is wrong, and all that a data scientist is told of it.
ERRORS = {
    "broken YAML": (
        "codops: debr\ntasks:\n  train:\n    notebook: 'n.ipynb\n    method: task\n",
        [
            (
                "6:1: not valid YAML: found unexpected end of stream, while scanning a quoted scalar that began "
                "on line 4; close the quotes"
            )
        ],
    ),
    "a tab": (
        "codops: debr\ntasks:\n\ttrain: {}\n",
        ["3:1: not valid YAML: a tab; indent with spaces"],
    ),
    "wrong key": (
        TASK.replace("notebook", "notebok"),
        ["4:5: tasks.train.notebok: unknown key; did you mean 'notebook'?"],
    ),
    "missing notebook": (
        TASK.replace("n.ipynb", "m.ipynb"),
        ["4:5: tasks.train.notebook: m.ipynb: no such file; did you mean 'n.ipynb'?"],
    ),
    "missing function": (
        TASK.replace("method: task", "method: tusk"),
        [
            (
                "5:5: tasks.train.method: entry function 'tusk' not found in n.ipynb; did you mean 'task'?; "
                "functions there: task (cell 1)"
            )
        ],
    ),
    "wrong arguments": (
        TASK + "    args:\n      usr: ada\n",
        [
            (
                "6:5: tasks.train.args: argument 'user' of task() is missing; add 'user: …' to args, or give "
                "the parameter a default"
            ),
            "7:7: tasks.train.args.usr: unexpected argument 'usr' of task(); did you mean 'user'?",
        ],
    ),
    "a notebook that is not JSON": (
        TASK.replace("n.ipynb", "broken.ipynb"),
        [
            (
                "4:5: tasks.train.notebook: broken.ipynb:1:1: not a notebook: not JSON: Expecting value; open "
                "it in Jupyter and save it again"
            )
        ],
    ),
    "a requirement that is none": (
        TASK + "    args: {user: ada}\ndependencies:\n  - numpy==\n  - -r requirements.txt\n",
        [
            (
                "8:5: dependencies[0]: 'numpy==' is not a requirement (PEP 508): expected semicolon (after name "
                "with no version specifier) or end; write it as in orjson==3.3.1 or pyarrow>=10,<12"
            ),
            (
                "9:5: dependencies[1]: '-r requirements.txt' is an option of pip, not a requirement; "
                "list its requirements here"
            ),
        ],
    ),
    "no codops": (
        TASK.replace("codops: debr\n", "") + "    args: {user: ada}\n",
        ["1:1: no codops here, nor in any other file of the repository; add 'codops: …' on the first line"],
    ),
}


@pytest.mark.parametrize(("content", "told"), ERRORS.values(), ids=ERRORS)
def test_what_is_told_of_an_error(peach: Peach, news: Team, content: str, told: list[str]) -> None:
    news.notebook("n.ipynb", "def task(user):\n    return user\n")
    news.write("broken.ipynb", "<html>")
    news.write("peach.yaml", content)

    done = peach("validate", news.path)

    assert (done.returncode, done.stderr) == (1, "")
    assert [line for line in done.stdout.splitlines() if line.startswith("✘")] == [
        f"✘ news:peach.yaml:{line}" for line in told
    ]


def test_what_is_fine_is_shown_too(peach: Peach, news: Team) -> None:
    news.task("debr", "train")
    news.write("peach.conf/a.yaml", "tasks:\n  fetch: {notebook: n.ipynb, method: task, loop: metadata}\n  oops: {}\n")

    done = peach("validate", cwd=news.path)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "✘ news:peach.conf/a.yaml:3:3: tasks.oops.notebook: this key is missing; add 'notebook: …'",
        "✘ news:peach.conf/a.yaml:3:3: tasks.oops.method: this key is missing; add 'method: …'",
        "✔ news:peach.conf/a.yaml:2:3: fetch in the metadata loop",
        "✔ news:peach.yaml:3:3: train in its organisation's loop",
        "2 valid tasks, 2 problems",
    ]


def test_json_has_one_problem_a_line(peach: Peach, news: Team) -> None:
    news.task("debr", "train", method="tusk")

    done = peach("validate", news.path, "--format", "json")

    (line,) = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(line) == {
        "repository": "news",
        "version": "",
        "file": "peach.yaml",
        "line": 5,
        "column": 5,
        "about": "tasks.train.method",
        "cause": "entry function 'tusk' not found in n.ipynb",
        "remedy": "did you mean 'task'?; functions there: task (cell 1)",
        "codops": "debr",
        "severity": "error",
        "message": "news:peach.yaml:5:5: tasks.train.method: entry function 'tusk' not found in n.ipynb; "
        "did you mean 'task'?; functions there: task (cell 1)",
    }


def test_json_of_a_valid_repository_is_empty(peach: Peach, news: Team) -> None:
    news.task("debr", "train")

    done = peach("validate", news.path, "--format", "json")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_repository_without_configuration(peach: Peach, source: Path) -> None:
    done = peach("validate", source)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "✘ source: no configuration file; create peach.yaml, or a .yaml file in peach.conf/",
        "no valid tasks, 1 problem",
    ]


def test_a_path_in_a_repository_stands_for_it(peach: Peach, news: Team) -> None:
    news.task("debr", "train")
    news.write("peach.conf/team/peach.yaml", "codops: debr\n")
    news.write("notebooks/deep/readme.txt", "")
    inside = ["peach.yaml", "n.ipynb", "peach.conf/team/peach.yaml", "peach.conf", "notebooks/deep"]

    done = peach("validate", *inside, cwd=news.path)

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "✔ news:peach.yaml:3:3: train in its organisation's loop",
        "1 valid task, no problems",
    ]


def test_the_nearest_repository_counts(peach: Peach, news: Team) -> None:
    news.task("debr", "train", method="tusk")
    inner = type(news)(news.path / "vendored")
    inner.task("sesr", "rank")

    assert peach("validate", inner.path).returncode == 0
    assert peach("validate", news.path).returncode == 1


def test_a_repository_whose_configuration_is_yet_to_be_written(peach: Peach, news: Team) -> None:
    news.notebook("notebooks/n.ipynb", "def task(): pass")
    news.commit()

    done = peach("validate", "notebooks", cwd=news.path)

    assert done.returncode == 1
    assert done.stdout.startswith("✘ news: no configuration file")


def test_several_repositories(peach: Peach, news: Team, source: Path) -> None:
    news.task("debr", "train")
    sport = type(news)(source / "sport")
    sport.task("debr", "train", method="tusk")

    done = peach("validate", news.path, sport.path)

    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith("✘ sport:peach.yaml:5:5: ")
    assert done.stdout.splitlines()[-1] == "1 valid task, 1 problem"
