"""What ``peach init`` writes is valid, whatever its author chose that the rules allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import example, given, reject, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError
from tests.corpus.properties import MemoryFiles

from airflow_peach.authoring import rules
from airflow_peach.authoring.first_task import FirstTask
from airflow_peach.authoring.foresight import Foresight
from airflow_peach.authoring.repository import read_repository
from airflow_peach.execution.magic_support import magic_support

if TYPE_CHECKING:
    from collections.abc import Callable

# Without quotes YAML takes these for something else than texts.
WORDS = st.sampled_from(
    [
        "no",
        "on",
        "off",
        "yes",
        "true",
        "null",
        "NULL",
        "1",
        "1e5",
        "0x1f",
        "1_0",
        "2026-11-29",
        "1.5",
        "-",
        "--",
        "-1",
        ".5",
        ".inf",
        "y",
        "n",
        "True",
        "None",
        "0b1",
        "190:20",
    ]
)
PRINTED = st.characters(categories=["L", "N", "P", "S"], exclude_characters="\\") | st.just(" ")
PATHS = st.builds("".join, st.tuples(st.text(PRINTED, max_size=30), st.sampled_from(rules.NOTEBOOK_SUFFIXES)))


def allowed(value: str, rule: Callable[[str], str]) -> str:
    """Return the value as the rule leaves it; give up the example where it is against the rule."""
    try:
        return rule(value)
    except PydanticCustomError:
        reject()


@settings(max_examples=300)
@example("no", "no", "no.py", "no")
@example("on", "2026-11-29", "a b#c: d.ipynb", "yes")
@given(
    st.from_regex(rules.CODOPS_PATTERN.strip("^$"), fullmatch=True) | WORDS,
    st.from_regex(rules.TASK_NAME_PATTERN.strip("^$"), fullmatch=True) | WORDS,
    PATHS,
    st.from_regex(r"[A-Za-z_é]\w{0,20}", fullmatch=True) | WORDS,
)
def test_what_is_written_is_valid(codops: str, task: str, notebook: str, method: str) -> None:
    first = FirstTask(
        allowed(codops, rules.codops),
        allowed(task, rules.task_name),
        allowed(notebook, rules.notebook_path),
        allowed(method, rules.method_name),
    )
    files = {"peach.yaml": first.configuration().encode(), first.notebook: first.content().encode()}

    read = read_repository(
        MemoryFiles(files), repository="team/work", version="1a2b3c4d", foresight=Foresight(magic_support())
    )

    assert [str(problem) for problem in (*read.problems, *read.hints)] == []
    (file,) = read.files
    (entry,) = file.tasks
    assert (file.codops, entry.name, entry.notebook, entry.method) == (
        first.codops,
        first.task,
        first.notebook,
        first.method,
    )
