"""What a DAG and its tasks say of themselves."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue.model import Organisation, Requirement, Task
from airflow_peach.loops.documentation import describe_definition, describe_environment, describe_loop

TASK = Task("debr", "first", "debr", "work", "peach.yaml", 3, "jobs/n.ipynb", "train", args={"user": "x"})
FETCH = replace(TASK, name="fetch", loop="metadata")
DEBR = Organisation("debr", (TASK, FETCH), repositories=("work",))
SESR = Organisation("sesr", (replace(FETCH, codops="sesr", name="other"),))


def test_a_loop_lists_its_own_tasks() -> None:
    text = describe_loop("debr", [DEBR])
    assert text.startswith("### Loop of debr\n")
    assert "| first | jobs/n.ipynb | train | work |" in text
    assert "fetch" not in text


def test_the_metadata_loop_has_a_section_for_each_organisation() -> None:
    text = describe_loop("metadata", [DEBR, SESR])
    assert "first" not in text
    debr, sesr = text.index("#### debr"), text.index("#### sesr")
    assert debr < text.index("| fetch |") < sesr < text.index("| other |")


def test_a_loop_without_tasks_says_so() -> None:
    assert "It has no task now." in describe_loop("debr", [Organisation("debr")])
    assert "It has no task now." in describe_loop("metadata", [])


def test_stale_tasks_and_problems_are_shown() -> None:
    problem = Problem(Place("work", "abc12345", "peach.yaml", 3, 1), "tasks.first.notebok", "unknown key", "mend it")
    text = describe_loop("debr", [replace(DEBR, tasks=(replace(TASK, stale=True),), problems=(problem,))])
    assert "| first (stale: its newest definition is invalid) |".replace("(", "\\(").replace(")", "\\)") in text
    assert "- work@abc12345:peach.yaml:3:1: tasks.first.notebok: unknown key; mend it" in text


def test_what_a_repository_says_is_never_markup() -> None:
    hostile = "<img src=x onerror=a(1)> [link](javascript:x) | a `b` **c**\nline # two"
    problem = Problem(Place("work"), "", hostile)
    task = replace(TASK, repository="a|b", notebook="x_y_.ipynb")
    lines = describe_loop("debr", [replace(DEBR, tasks=(task,), problems=(problem,))]).splitlines()
    (row,) = [line for line in lines if line.startswith("| first")]
    assert row == "| first | x\\_y\\_.ipynb | train | a\\|b |"
    (shown,) = [line for line in lines if line.startswith("- work")]
    assert shown == (
        "- work: \\<img src=x onerror=a\\(1\\)\\> \\[link\\]\\(javascript:x\\) \\| a \\`b\\` \\*\\*c\\*\\* line \\# two"
    )


def test_a_definition_is_json_whatever_its_arguments_are() -> None:
    task = replace(TASK, args={"day": dt.date(2024, 2, 29), "ratio": float("nan"), "raw": b"bytes"})
    told = json.loads(describe_definition(task), parse_constant=lambda name: f"no JSON: {name}")
    assert (told["notebook"], told["method"], told["loop"]) == ("jobs/n.ipynb", "train", "debr")
    assert "no JSON" not in str(told)


def test_each_change_of_a_definition_changes_what_airflow_sees() -> None:
    """Airflow makes a new version of a DAG only when its serialised form differs."""
    before = describe_definition(TASK)
    changes = [
        replace(TASK, args={"user": "y"}),
        replace(TASK, notebook="other.ipynb"),
        replace(TASK, method="other"),
        replace(TASK, full_notebook=True),
        replace(TASK, repository="other"),
        replace(TASK, loop="metadata"),
    ]
    assert len({before, *map(describe_definition, changes)}) == len(changes) + 1
    assert describe_definition(replace(TASK, line=77)) == before


def test_each_change_of_the_requirements_changes_what_airflow_sees() -> None:
    numpy, orjson = Requirement("numpy==2.0", "work:peach.yaml:7"), Requirement("orjson", "work:peach.yaml:8")
    told = describe_environment(replace(DEBR, requirements=(orjson, numpy)))
    assert json.loads(told) == {"requirements": [["numpy==2.0", "work:peach.yaml:7"], ["orjson", "work:peach.yaml:8"]]}
    assert describe_environment(replace(DEBR, requirements=(numpy, orjson))) == told
    assert describe_environment(replace(DEBR, requirements=(numpy,))) != told
