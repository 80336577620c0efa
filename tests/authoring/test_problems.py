from __future__ import annotations

import pickle

import pytest

from airflow_peach.authoring.entry_function import EntryFunctionError
from airflow_peach.authoring.notebooks import NotebookError
from airflow_peach.authoring.problems import Place, Problem, ProblemError, did_you_mean, quoted
from airflow_peach.authoring.yaml.documents import DocumentError


def test_a_problem_is_one_line_place_about_cause_remedy() -> None:
    place = Place("debr/news", "1a2b3c4d", "peach.yaml", 4, 5)
    assert (
        str(Problem(place, "tasks.x.notebok", "unknown key", "did you mean 'notebook'?"))
        == "debr/news@1a2b3c4d:peach.yaml:4:5: tasks.x.notebok: unknown key; did you mean 'notebook'?"
    )
    assert str(Problem(Place("debr/news"), "", "broken")) == "debr/news: broken"


@pytest.mark.parametrize("kind", [ProblemError, DocumentError, EntryFunctionError, NotebookError])
def test_the_errors_survive_pickling(kind: type[ProblemError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("cause", "remedy")))  # noqa: S301 - our own bytes
    assert type(copy) is kind
    assert (str(copy), copy.cause, copy.remedy) == ("cause; remedy", "cause", "remedy")


def test_suggestions_are_near_or_absent() -> None:
    assert did_you_mean("notebok", ["method", "notebook"]) == "did you mean 'notebook'?"
    assert did_you_mean("owner", ["method", "notebook"]) == ""


def test_an_authors_text_cannot_break_the_line() -> None:
    assert quoted("a b") == "'a b'"
    assert quoted("a\nb\x1b[31m") == r"'a\nb\x1b[31m'"
    assert quoted("x" * 200) == "'" + "x" * 79 + "…'"
