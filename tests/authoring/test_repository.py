from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from airflow_peach.authoring.repository import read_repository
from airflow_peach.authoring.work_tree import WorkTreeFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.authoring.conftest import Repository

AT = "debr/news@1a2b3c4d:"


def test_all_files_of_a_repository_are_read(repository: Repository) -> None:
    repository.notebook("a.ipynb", "def f(): pass")
    for path in ("peach.yaml", "peach.conf/b.yaml", "peach.conf/team/c.yml"):
        name = path.replace("/", "_")
        repository.write(path, f"codops: debr\ntasks: {{{name}: {{notebook: a.ipynb, method: f}}}}\n")
    repository.write("peach.conf/team/deep/d.yaml", "not read")
    repository.write("peach.conf/readme.txt", "not read")
    read = repository.read()
    assert read.problems == ()
    assert (read.repository, read.version) == ("debr/news", "1a2b3c4d")
    assert [(file.path, [task.name for task in file.tasks]) for file in read.files] == [
        ("peach.conf/b.yaml", ["peach.conf_b.yaml"]),
        ("peach.conf/team/c.yml", ["peach.conf_team_c.yml"]),
        ("peach.yaml", ["peach.yaml"]),
    ]


def test_an_empty_repository_says_nothing(repository: Repository) -> None:
    assert repository.read().files == ()


def codops_of(repository: Repository) -> dict[str, tuple[str | None, bool]]:
    return {file.path: (file.codops, file.readable) for file in repository.read().files}


def test_a_file_without_codops_takes_that_of_the_main_file(repository: Repository) -> None:
    repository.write("peach.yaml", "codops: debr\n")
    repository.write("peach.conf/b.yaml", "codops: sesr\n")
    repository.write("peach.conf/c.yaml", "tasks: {x: {}}\n")
    assert codops_of(repository)["peach.conf/c.yaml"] == ("debr", True)
    assert {problem.codops for problem in repository.read().problems} == {"debr"}


def test_or_that_of_the_only_other_one(repository: Repository) -> None:
    repository.write("peach.conf/b.yaml", "codops: sesr\n")
    repository.write("peach.conf/d.yaml", "codops: sesr\n")
    repository.write("peach.yaml", "tasks:\n")
    assert repository.messages() == []
    assert codops_of(repository)["peach.yaml"] == ("sesr", True)


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({}, "nor in any other file of the repository"),
        (
            {"b.yaml": "codops: sesr", "c.yaml": "codops: debr"},
            "and other files of the repository have several: debr, sesr",
        ),
        ({"b.yaml": "codops: sesr", "c.yaml": "[oops"}, "and the one in peach.conf/c.yaml cannot be read"),
        ({"b.yaml": "codops: sesr", "c.yaml": "codops: NO"}, "and the one in peach.conf/c.yaml cannot be read"),
    ],
)
def test_or_has_a_problem_and_its_tasks_belong_to_nobody(
    repository: Repository, others: dict[str, str], why: str
) -> None:
    repository.notebook("a.ipynb", "def f(): pass")
    repository.write("peach.yaml", "tasks: {x: {notebook: a.ipynb, method: f}}\n")
    for name, text in others.items():
        repository.write(f"peach.conf/{name}", text)
    file = repository.read().files[-1]
    assert (file.path, file.codops, file.readable, file.tasks) == ("peach.yaml", None, False, ())
    assert [str(problem) for problem in file.problems] == [
        f"{AT}peach.yaml:1:1: no codops here, {why}; add 'codops: …' on the first line"
    ]


def test_a_broken_main_file_moves_no_task_to_another_organisation(repository: Repository) -> None:
    repository.write("peach.conf/b.yaml", "codops: sesr")
    repository.write("peach.conf/c.yaml", "tasks:")
    repository.write("peach.yaml", "codops: debr\ntasks: [oops")
    assert codops_of(repository) == {
        "peach.conf/b.yaml": ("sesr", True),
        "peach.conf/c.yaml": ("debr", True),
        "peach.yaml": ("debr", False),
    }


def test_two_organisations_in_one_repository(repository: Repository) -> None:
    repository.notebook("a.ipynb", "def f(): pass")
    task = "tasks: {x: {notebook: a.ipynb, method: f}}\n"
    repository.write("peach.conf/b.yaml", f"codops: debr\n{task}")
    repository.write("peach.conf/c.yaml", f"codops: sesr\n{task}")
    read = repository.read()
    assert read.problems == ()
    assert [(file.codops, [entry.name for entry in file.tasks]) for file in read.files] == [
        ("debr", ["x"]),
        ("sesr", ["x"]),
    ]


def test_a_name_taken_twice_is_a_problem_of_the_second_that_names_both(repository: Repository) -> None:
    repository.notebook("a.ipynb", "def f(): pass")
    task = "{notebook: a.ipynb, method: f}"
    repository.write("peach.conf/b.yaml", f"codops: debr\ntasks:\n  x: {task}\n")
    repository.write("peach.conf/c.yaml", f"codops: debr\ntasks:\n  y: {task}\n  x: {task}\n")
    read = repository.read()
    assert [str(problem) for problem in read.problems] == [
        (
            f"{AT}peach.conf/c.yaml:4:3: tasks.x: debr has a task of this name already, at {AT}peach.conf/b.yaml:3:3; "
            "rename one of them"
        )
    ]
    assert [([entry.name for entry in file.tasks], file.invalid_tasks) for file in read.files] == [
        (["x"], ()),
        (["y"], ("x",)),
    ]


def test_an_invalid_task_keeps_its_name(repository: Repository) -> None:
    repository.notebook("a.ipynb", "def f(): pass")
    repository.write("peach.conf/b.yaml", "codops: debr\ntasks:\n  x: {}\n")
    repository.write("peach.conf/c.yaml", "codops: debr\ntasks:\n  x: {notebook: a.ipynb, method: f}\n")
    assert [file.invalid_tasks for file in repository.read().files] == [("x",), ("x",)]


def test_a_missing_notebook(repository: Repository) -> None:
    repository.notebook("notebooks/related.ipynb", "def f(): pass")
    repository.write("peach.yaml", "codops: debr\ntasks:\n  x:\n    method: f\n    notebook: notebooks/relatd.ipynb\n")
    read = repository.read()
    assert [str(problem) for problem in read.problems] == [
        (
            f"{AT}peach.yaml:5:5: tasks.x.notebook: notebooks/relatd.ipynb: no such file; did you mean "
            "'notebooks/related.ipynb'?"
        )
    ]
    assert read.files[0].invalid_tasks == ("x",)
    assert read.files[0].tasks == ()


def test_a_notebook_that_is_not_json(repository: Repository) -> None:
    repository.write("a.ipynb", "{'cells': []}")
    repository.write("peach.yaml", "codops: debr\ntasks:\n  x: {notebook: a.ipynb, method: f}\n")
    assert repository.messages() == [
        (
            f"{AT}peach.yaml:3:7: tasks.x.notebook: a.ipynb:1:2: not a notebook: not JSON: Expecting property name "
            "enclosed in double quotes; open it in Jupyter and save it again"
        )
    ]


def test_a_missing_function(repository: Repository) -> None:
    repository.notebook("a.ipynb", "def train(): pass")
    repository.write("peach.yaml", "codops: debr\ntasks:\n  x:\n    notebook: a.ipynb\n    method: trian\n")
    assert repository.messages() == [
        (
            f"{AT}peach.yaml:5:5: tasks.x.method: entry function 'trian' not found in a.ipynb; did you mean 'train'?; "
            "functions there: train (cell 2)"
        )
    ]


def test_wrong_arguments(repository: Repository) -> None:
    repository.notebook("a.ipynb", "def f(user, n=1): pass")
    repository.write(
        "peach.yaml",
        "codops: debr\ntasks:\n  x:\n    notebook: a.ipynb\n    method: f\n    args:\n      usr: 1\n"
        "  y: {notebook: a.ipynb, method: f}\n  z: {notebook: a.ipynb, method: f, args: {user: 1}}\n",
    )
    read = repository.read()
    missing = "argument 'user' of f() is missing; add 'user: …' to args, or give the parameter a default"
    assert [str(problem) for problem in read.problems] == [
        f"{AT}peach.yaml:6:5: tasks.x.args: {missing}",
        f"{AT}peach.yaml:7:7: tasks.x.args.usr: unexpected argument 'usr' of f(); did you mean 'user'?",
        f"{AT}peach.yaml:8:3: tasks.y.args: {missing}",
    ]
    assert [task.name for task in read.files[0].tasks] == ["z"]
    assert read.files[0].invalid_tasks == ("x", "y")


def test_a_link_is_a_problem_not_a_file(repository: Repository) -> None:
    repository.notebook("real.ipynb", "def f(): pass")
    (repository.root / "a.ipynb").symlink_to("real.ipynb")
    repository.write("other.yaml", "codops: debr")
    (repository.root / "peach.conf").mkdir()
    (repository.root / "peach.conf/link.yaml").symlink_to("../other.yaml")
    repository.write("peach.yaml", "codops: debr\ntasks:\n  x: {notebook: a.ipynb, method: f}\n")
    assert repository.messages() == [
        f"{AT}peach.conf/link.yaml:1:1: is a symbolic link; links are not followed: name the file",
        f"{AT}peach.yaml:3:7: tasks.x.notebook: a.ipynb: is a symbolic link; links are not followed: name the file",
    ]


def test_a_file_that_is_too_large(repository: Repository) -> None:
    repository.write("peach.yaml", "#" * (1024 * 1024 + 1))
    (file,) = repository.read().files
    assert [str(problem) for problem in file.problems] == [
        f"{AT}peach.yaml:1:1: 1048577 bytes; at most 1048576 are read; move data out of it"
    ]
    assert not file.readable


def test_all_problems_come_together_in_the_files_order(repository: Repository) -> None:
    repository.notebook("a.ipynb", "def f(): pass")
    repository.write(
        "peach.yaml",
        "codops: debr\ntasks:\n  p: {notebook: b.py, method: f}\n  q: {}\n  r: {notebook: a.ipynb, method: g}\n"
        "  s: {notebook: a.ipynb, method: f}\n",
    )
    (file,) = repository.read().files
    assert [problem.about for problem in file.problems] == [
        "tasks.p.notebook",
        "tasks.q.notebook",
        "tasks.q.method",
        "tasks.r.method",
    ]
    assert [task.name for task in file.tasks] == ["s"]
    assert set(file.invalid_tasks) == {"p", "q", "r"}


class CountedFiles(WorkTreeFiles):
    """Counts how often each file is read."""

    counts: Counter[str]

    def read(self, path: str, *, limit_bytes: int) -> bytes:
        self.counts[path] += 1
        return super().read(path, limit_bytes=limit_bytes)


def test_a_notebook_of_many_tasks_is_read_once(repository: Repository) -> None:
    repository.notebook("a.ipynb", "def f(): pass")
    tasks = "".join(f"  x{number}: {{notebook: {name}.ipynb, method: f}}\n" for number in range(50) for name in "a")
    repository.write(
        "peach.yaml",
        f"codops: debr\ntasks:\n{tasks}  y: {{notebook: b.py, method: f}}\n  z: {{notebook: b.py, method: f}}\n",
    )
    files = CountedFiles(repository.root)
    files.counts = Counter()
    read = read_repository(files, repository="news", version="")
    assert len(read.files[0].tasks) == 50
    assert len(read.problems) == 2
    assert files.counts == {"peach.yaml": 1, "a.ipynb": 1, "b.py": 1}


def test_fifty_notebooks_take_well_under_a_second(repository: Repository, notebook: Callable[..., bytes]) -> None:
    source = "import os\nimport sys\n" + "".join(f"x{n} = [i % 7 for i in range({n})]\n" for n in range(40))
    for number in range(50):
        content = notebook("%matplotlib inline\nimport numpy", *[source] * 10, "def f(user): pass")
        repository.write(f"notebooks/{number}.ipynb", content)
    tasks = "".join(f"  t{n}: {{notebook: notebooks/{n}.ipynb, method: f, args: {{user: 1}}}}\n" for n in range(50))
    repository.write("peach.yaml", f"codops: debr\ntasks:\n{tasks}")
    begin = time.process_time()
    read = repository.read()
    seconds = time.process_time() - begin
    assert len(read.files[0].tasks) == 50
    assert seconds < 1  # 0.02 s on an idle core
