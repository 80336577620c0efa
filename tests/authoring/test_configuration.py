from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from airflow_peach.authoring.configuration import read_configuration
from airflow_peach.authoring.models import ConfigurationModel
from airflow_peach.authoring.problems import Place

if TYPE_CHECKING:
    from airflow_peach.authoring.definitions import ConfigurationFile

FILES = Path(__file__).parent / "files"
TASK = "notebook: a.ipynb, method: f"


def read(text: str | bytes) -> ConfigurationFile:
    content = text.encode() if isinstance(text, str) else text
    return read_configuration(content, repository="debr/news", version="1a2b3c4d", path="peach.yaml")


def problems(text: str | bytes) -> list[str]:
    return [str(problem).removeprefix("debr/news@1a2b3c4d:peach.yaml:") for problem in read(text).problems]


@pytest.mark.parametrize("name", ["tutorial", "tasks_dependencies", "arguments", "metadata_loop"])
def test_the_users_page_is_valid_as_printed(name: str) -> None:
    file = read((FILES / f"{name}.yaml").read_bytes())
    assert file.problems == ()
    assert file.readable
    assert file.requirements_valid
    assert file.invalid_tasks == ()


def test_the_tutorials_file_says_what_the_page_explains() -> None:
    file = read((FILES / "tutorial.yaml").read_bytes())
    (task,) = file.tasks
    assert (file.codops, task.name, task.notebook, task.method) == (
        "default",
        "tf_task",
        "tensorflow_demo.ipynb",
        "train_model",
    )
    assert (task.full_notebook, task.executor, task.loop, task.args) == (False, "python", None, {})
    assert task.place == Place("debr/news", "1a2b3c4d", "peach.yaml", 3, 3)
    (requirement,) = file.requirements
    assert requirement.text == "tensorflow==2.0.0-alpha0"
    assert str(requirement.place) == "debr/news@1a2b3c4d:peach.yaml:7:5"


def test_dependencies_of_the_tasks_are_no_task() -> None:
    file = read((FILES / "tasks_dependencies.yaml").read_bytes())
    assert [task.name for task in file.tasks] == ["tf_task"]
    assert [requirement.text for requirement in file.requirements] == ["tensorflow==2.0.0-alpha0"]


def test_arguments_keep_their_types() -> None:
    file = read((FILES / "arguments.yaml").read_bytes())
    assert file.codops is None
    assert [task.name for task in file.tasks] == ["related_publications_labse", "no_args"]
    assert file.tasks[0].args == {
        "user": "f57246b6-1848-4b1a-a8a2-d8469a050025",
        "item_id": 35421,
        "message": "used for testing only",
        "my_dict": {"item1": "message", "second_dict": {"sub_item1": 8734, "sub_item2": ["test", 23.45]}},
    }


def test_the_metadata_loop() -> None:
    assert read((FILES / "metadata_loop.yaml").read_bytes()).tasks[0].loop == "metadata"


def test_the_error_of_the_design_word_for_word() -> None:
    file = read("codops: debr\ntasks:\n  x:\n    notebok: a.ipynb\n    method: f\n")
    assert [str(problem) for problem in file.problems] == [
        "debr/news@1a2b3c4d:peach.yaml:4:5: tasks.x.notebok: unknown key; did you mean 'notebook'?"
    ]
    assert file.problems[0].codops == "debr"


@pytest.mark.parametrize(
    "text",
    [
        "codops: debr",
        "codops: debr\ntasks:",
        "codops: debr\ntasks: {}",
        "codops: debr\ndependencies:",
        "codops: debr\ndependencies: [a]\nendpoints: {x: {y: 1}}",
        "codops: debr\nendpoints: !vault [1, {a: 1, a: 2, ? [b] : c}]",
        "codops: debr\nendpoints: 3",
        "codops: debr\ntasks: {dependencies: }",
        f"codops: a-1_{'x' * 28}\ntasks: {{x: {{{TASK}}}}}",
        f"codops: debr\ntasks: {{x: {{{TASK}, args: }}}}",
        f"codops: debr\ntasks: {{x: {{{TASK}, executor: python, full_notebook: yes}}}}",
        f"codops: debr\ntasks: {{a.b-c_D9: {{{TASK}}}}}",
        "codops: debr\ntasks:\n  a: &a {notebook: a.py, method: f}\n  b: {<<: *a, method: g}",
    ],
)
def test_what_is_valid(text: str) -> None:
    file = read(text)
    assert file.problems == ()
    assert (file.readable, file.requirements_valid, file.invalid_tasks) == (True, True, ())


CODOPS_RULE = "write 2 to 32 lower-case letters, digits, '_' and '-', a letter first, such as debr"


@pytest.mark.parametrize(
    ("codops", "message"),
    [
        ("Debr", f"'Debr' is not a codops; {CODOPS_RULE}"),
        ("a", f"'a' is not a codops; {CODOPS_RULE}"),
        ("x" * 33, f"'{'x' * 33}' is not a codops; {CODOPS_RULE}"),
        ("1a", f"'1a' is not a codops; {CODOPS_RULE}"),
        ('"debr\\n"', rf"'debr\n' is not a codops; {CODOPS_RULE}"),
        ("", "has no value; expected text; give it one, or remove the key"),
        ("no", "expected text, and YAML reads 'no' as true or false; put it in quotes: 'no'"),
        ("12", "expected text, and YAML reads '12' as a number; put it in quotes: '12'"),
        ("[debr]", "expected text, not a list; write one line of text"),
        ("metadata", "'metadata' is the loop that all organisations share; write your organisation's own code"),
        ("!x debr", "the tag '!x' is not supported; write plain text, numbers, lists and mappings"),
    ],
)
def test_a_wrong_codops_leaves_the_files_tasks_where_they_were(codops: str, message: str) -> None:
    text = f"codops: {codops}\ntasks: {{x: {{{TASK}}}}}"
    found = problems(text)
    assert len(found) == 1
    assert found[0].split(": ", 2)[1:] == ["codops", message]
    assert read(text).codops is None
    assert not read(text).readable


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("", "tasks.x: has no value; expected a mapping; write 'notebook: …' and 'method: …' below it, indented"),
        (" f", "tasks.x: expected a mapping, not the text 'f'; write 'notebook: …' and 'method: …' below it, indented"),
        (" {method: f}", "tasks.x.notebook: this key is missing; add 'notebook: …'"),
        (" {notebook: a.ipynb}", "tasks.x.method: this key is missing; add 'method: …'"),
        (
            f" {{{TASK}, owner: me}}",
            "tasks.x.owner: unknown key; known keys: notebook, method, full_notebook, executor, loop, args",
        ),
        (
            f' {{{TASK}, full_notebook: "yes"}}',
            "tasks.x.full_notebook: expected true or false, not the text 'yes'; write true or false, without quotes",
        ),
        (
            f" {{{TASK}, full_notebook: 1}}",
            "tasks.x.full_notebook: expected true or false, not a number; write true or false, without quotes",
        ),
        (
            f" {{{TASK}, full_notebook: }}",
            "tasks.x.full_notebook: has no value; expected true or false; give it one, or remove the key",
        ),
        (
            f" {{{TASK}, executor: spark}}",
            "tasks.x.executor: there is no executor 'spark'; write 'python', or leave 'executor' out",
        ),
        (
            f" {{{TASK}, loop: debr}}",
            (
                "tasks.x.loop: 'debr' is not a loop to choose; write 'metadata', or leave 'loop' out for the "
                "organisation's own loop"
            ),
        ),
        (
            f" {{{TASK}, args: [1]}}",
            "tasks.x.args: expected a mapping, not a list; write 'key: value' lines below it, indented",
        ),
        (
            f" {{{TASK}, args: {{a b: 1}}}}",
            (
                "tasks.x.args.a b: 'a b' is not the name of an argument; write the name of a parameter of the entry "
                "function"
            ),
        ),
        (
            f" {{{TASK}, args: {{yes: 1}}}}",
            "tasks.x.args.yes: a key must be text, and YAML reads 'yes' as true or false; put it in quotes: 'yes'",
        ),
        (
            f" {{{TASK}, args: {{2026-01-01: 1}}}}",
            (
                "tasks.x.args.2026-01-01: a key must be text, and YAML reads '2026-01-01' as a date; put it in "
                "quotes: '2026-01-01'"
            ),
        ),
        (
            f" {{{TASK}, args: {{when: 2026-13-01}}}}",
            (
                "tasks.x.args.when: '2026-13-01' is not a date or a time: month must be in 1..12; put it in quotes "
                "if it is text"
            ),
        ),
        (f" {{{TASK}, method: g}}", "tasks.x.method: duplicate key, first on line 4; keep one of them"),
        (
            " {notebook: 12, method: f}",
            "tasks.x.notebook: expected text, and YAML reads '12' as a number; put it in quotes: '12'",
        ),
    ],
)
def test_a_wrong_task_is_a_problem_and_hides_no_other(task: str, message: str) -> None:
    text = f"codops: debr\ntasks:\n  first: {{{TASK}}}\n  x:{task}\n  last: {{{TASK}}}\n"
    found = problems(text)
    assert [line.split(": ", 1)[1] for line in found] == [message]
    assert found[0].startswith("4:")
    file = read(text)
    assert [entry.name for entry in file.tasks] == ["first", "last"]
    assert file.invalid_tasks == ("x",)
    assert file.readable
    assert file.requirements_valid


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../a.ipynb", "'../a.ipynb' has '..' in it; write the path from the repository's root"),
        ("b/../../a.ipynb", "'b/../../a.ipynb' has '..' in it; write the path from the repository's root"),
        ("/a.ipynb", "'/a.ipynb' is absolute; write the path from the repository's root, without '/' first"),
        ("b\\a.ipynb", "'b\\a.ipynb' has a '\\' in it; write the path with '/'"),
        ("a.txt", "'a.txt' is not a notebook; name a file that ends in .ipynb or .py"),
        (
            '"a\\0.ipynb"',
            r"'a\x00.ipynb' is not a path; write it on one line, without characters that cannot be printed",
        ),
        ("'a: b.ipynb'", ""),
        ("./b//a.py", ""),
    ],
)
def test_notebook_paths(path: str, message: str) -> None:
    text = f"codops: debr\ntasks:\n  x:\n    notebook: {path}\n    method: f\n"
    assert problems(text) == ([f"4:5: tasks.x.notebook: {message}"] if message else [])


def test_a_notebooks_path_is_normalised() -> None:
    assert read("codops: debr\ntasks: {x: {notebook: ./b//a.py, method: f}}").tasks[0].notebook == "b/a.py"


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            "f()",
            "'f()' is not the name of a function; write the name of a function of the notebook, without parentheses: f",
        ),
        ("module.f", "'module.f' is not the name of a function; write the name of a function of the notebook"),
        ("class", "'class' is not the name of a function; write the name of a function of the notebook"),
        ("2f", "'2f' is not the name of a function; write the name of a function of the notebook"),
        ("match", ""),
        ("größe", ""),
    ],
)
def test_methods_are_identifiers(method: str, message: str) -> None:
    text = f"codops: debr\ntasks:\n  x:\n    notebook: a.py\n    method: {method}\n"
    assert problems(text) == ([f"5:5: tasks.x.method: {message}"] if message else [])


NAME_RULE = "write at most 100 letters (A-Z, a-z), digits, '_', '-' and '.'"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("environment", "the name 'environment' is reserved; give the task another name"),
        ("a b", f"'a b' is not a task's name; {NAME_RULE}"),
        ("..", f"'..' is not a task's name; {NAME_RULE}"),
        ("é", f"'é' is not a task's name: it has LATIN SMALL LETTER E WITH ACUTE (U+00E9) in it; {NAME_RULE}"),
        ("x" * 101, f"'{'x' * 79}…' is not a task's name; {NAME_RULE}"),
        ("12", "a key must be text, and YAML reads '12' as a number; put it in quotes: '12'"),
        ("2026-01-01", "a key must be text, and YAML reads '2026-01-01' as a date; put it in quotes: '2026-01-01'"),
    ],
)
def test_task_names(name: str, message: str) -> None:
    file = read(f"codops: debr\ntasks:\n  {name}: {{{TASK}}}\n  good: {{{TASK}}}\n")
    assert [(problem.place.line, f"{problem.cause}; {problem.remedy}") for problem in file.problems] == [(3, message)]
    assert file.invalid_tasks == (name,)
    assert [task.name for task in file.tasks] == ["good"]


def test_args_may_be_anything_yaml_says() -> None:
    (task,) = read(
        "codops: debr\ntasks:\n  x:\n    notebook: a.ipynb\n    method: f\n"
        "    args: {a: .nan, b: 2026-11-22, c: !!binary aGk=, d: {1: !!set {p}}}\n"
    ).tasks
    assert math.isnan(task.args["a"])
    assert {**task.args, "a": 0} == {"a": 0, "b": dt.date(2026, 11, 22), "c": b"hi", "d": {1: {"p"}}}


def test_args_have_a_size() -> None:
    def text(size: int) -> str:
        return f"codops: debr\ntasks:\n  x: {{{TASK}, args: {{a: {'x' * size}}}}}\n"

    assert problems(text(65_536 - 9)) == []
    assert problems(text(65_536 - 8)) == [
        "3:37: tasks.x.args: args have 65,537 bytes, and 65,536 are passed; keep data in a file beside the notebook"
    ]


def test_requirements_that_are_wrong_do_not_hide_those_that_are_right() -> None:
    text = (
        "codops: debr\ndependencies:\n  - numpy\n  - numpy=1.2\n  - 3\n  - -r x.txt\n"
        "tasks:\n  dependencies: [a, {b: c}]\n"
    )
    file = read(text)
    assert [requirement.text for requirement in file.requirements] == ["numpy", "a"]
    assert not file.requirements_valid
    assert file.readable
    assert problems(text) == [
        (
            "4:5: dependencies[1]: 'numpy=1.2' is not a requirement (PEP 508): expected semicolon (after name with no "
            "version specifier) or end; did you mean 'numpy==1.2'?"
        ),
        "5:5: dependencies[2]: expected text, and YAML reads '3' as a number; put it in quotes: '3'",
        "6:5: dependencies[3]: '-r x.txt' is an option of pip, not a requirement; list its requirements here",
        "8:21: tasks.dependencies[1]: expected text, not a mapping; write one line of text",
    ]


def test_dependencies_that_are_no_list() -> None:
    text = "codops: debr\ndependencies: numpy\n"
    assert problems(text) == [
        (
            "2:1: dependencies: expected a list, not the text 'numpy'; put each item on a line of its own that begins "
            "with '- '"
        )
    ]
    assert not read(text).requirements_valid


def test_dependencies_misspelt_among_the_tasks() -> None:
    text = f"codops: debr\ntasks:\n  dependecies: [numpy]\n  x: {{{TASK}}}\n"
    assert problems(text) == ["3:3: tasks.dependecies: expected a mapping, not a list; did you mean 'dependencies'?"]
    assert not read(text).requirements_valid
    assert [task.name for task in read(text).tasks] == ["x"]


@pytest.mark.parametrize(
    ("text", "message", "readable", "requirements_valid"),
    [
        (f"codops: debr\ntask: {{x: {{{TASK}}}}}", "2:1: task: unknown key; did you mean 'tasks'?", False, True),
        (f"codop: debr\ntasks: {{x: {{{TASK}}}}}", "1:1: codop: unknown key; did you mean 'codops'?", False, True),
        (
            f"codops: debr\ndependancies: [a]\ntasks: {{x: {{{TASK}}}}}",
            "2:1: dependancies: unknown key; did you mean 'dependencies'?",
            True,
            False,
        ),
        (
            f"codops: debr\nowner: me\ntasks: {{x: {{{TASK}}}}}",
            "2:1: owner: unknown key; known keys: codops, dependencies, tasks, endpoints",
            True,
            True,
        ),
        (
            "codops: debr\njobs: {}",
            "2:1: jobs: unknown key; known keys: codops, dependencies, tasks, endpoints",
            False,
            True,
        ),
        (
            "codops: debr\ntasks: [x]",
            "2:1: tasks: expected a mapping, not a list; write 'key: value' lines below it, indented",
            False,
            True,
        ),
        (
            "codops: debr\ntasks: {}\ntasks: {}",
            "3:1: tasks: duplicate key, first on line 2; keep one of them",
            False,
            True,
        ),
    ],
)
def test_a_slip_at_the_root_deletes_nothing(
    text: str,
    message: str,
    readable: bool,  # noqa: FBT001 - pytest passes it by name
    requirements_valid: bool,  # noqa: FBT001 - the same
) -> None:
    assert problems(text) == [message]
    assert (read(text).readable, read(text).requirements_valid) == (readable, requirements_valid)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: the file is empty; begin with 'codops: …', then 'tasks:'"),
        ("# later\n", "1:1: the file is empty; begin with 'codops: …', then 'tasks:'"),
        ("- a", "1:1: expected keys such as 'codops:' and 'tasks:', not a list; begin with 'codops: …', then 'tasks:'"),
        (
            "a",
            (
                "1:1: expected keys such as 'codops:' and 'tasks:', not the text 'a'; "
                "begin with 'codops: …', then 'tasks:'"
            ),
        ),
        (
            "codops: debr\ntasks:\n  x:\n    notebook: a.ipynb\n   method: f\n",
            (
                "5:4: not valid YAML: did not find expected key, while parsing a block mapping that began on line 3; "
                "check that this line begins in the same column as its neighbours, and its quotes"
            ),
        ),
        (b"\x89PNG\r\n\x1a\n", "1:1: not UTF-8: byte 0x89; save the file as UTF-8"),
    ],
)
def test_a_file_that_is_no_configuration(text: str | bytes, message: str) -> None:
    file = read(text)
    assert problems(text) == [message]
    assert (file.readable, file.requirements_valid, file.tasks) == (False, False, ())


def test_broken_yaml_still_says_whose_it_is() -> None:
    file = read("codops: debr # us\ntasks: [")
    assert file.codops == "debr"
    assert file.problems[0].codops == "debr"


def test_a_duplicate_task_is_not_guessed() -> None:
    file = read(f"codops: debr\ntasks:\n  x: {{{TASK}}}\n  x: {{{TASK}}}\n  y: {{{TASK}}}\n")
    assert file.invalid_tasks == ("x",)
    assert [task.name for task in file.tasks] == ["y"]


def test_a_place_inside_an_alias_is_where_the_text_stands() -> None:
    text = "codops: debr\ntasks:\n  a: &a {notebook: a.txt, method: f}\n  b: *a\n"
    assert [line.split(": ")[:2] for line in problems(text)] == [
        ["3:10", "tasks.a.notebook"],
        ["3:10", "tasks.b.notebook"],
    ]


def test_every_field_of_the_models_is_explained_for_editors() -> None:
    schema = ConfigurationModel.model_json_schema()
    objects = [schema, schema["$defs"]["TasksModel"], schema["$defs"]["TaskModel"]]
    for definition in objects:
        for name, field in definition["properties"].items():
            assert field.get("description"), name
            assert field.get("examples"), name
    assert schema["$defs"]["TasksModel"]["additionalProperties"] == {"$ref": "#/$defs/TaskModel"}


def one_line_each(file: ConfigurationFile) -> bool:
    return all(str(problem).isprintable() for problem in file.problems)


@given(st.binary(max_size=300))
def test_random_bytes_never_raise(content: bytes) -> None:
    file = read(content)
    assert file.problems
    assert one_line_each(file)


KEYS = ["codops", "tasks", "dependencies", "endpoints", "notebook", "method", "args", "x", "<<", "? [a]", "1", "~"]
VALUES = [
    "debr",
    "a.ipynb",
    "f",
    "1",
    ".inf",
    "yes",
    "~",
    "",
    "!x y",
    "*a",
    "&a b",
    "2026-13-01",
    "[a, {b: c}]",
    "'\\'",
]


@st.composite
def random_yaml(draw: st.DrawFn) -> str:
    lines = draw(
        st.lists(
            st.tuples(
                st.integers(0, 3), st.sampled_from(["", "", "- "]), st.sampled_from(KEYS), st.sampled_from(VALUES)
            ),
            max_size=12,
        )
    )
    return "\n".join(f"{'  ' * depth}{dash}{key}: {value}" for depth, dash, key, value in lines)


@given(random_yaml())
def test_random_yaml_never_raises(text: str) -> None:
    file = read(text)
    assert one_line_each(file)
    assert {task.name for task in file.tasks}.isdisjoint(file.invalid_tasks)


nested = st.recursive(
    st.sampled_from(["debr", 1, 1.5, True, None, "a.ipynb", "f", dt.date(2026, 1, 1), b"x"]) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, 1, None, True]), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(KEYS), nested, max_size=5))
def test_random_structures_never_raise(data: dict[str, object]) -> None:
    file = read(yaml.safe_dump(data))
    assert one_line_each(file)
    assert file.problems or file.readable
