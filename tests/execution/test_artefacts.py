"""Where executed notebooks are kept."""

from __future__ import annotations

from pathlib import Path

from airflow_peach.execution.artefacts import LABEL_CHARACTERS, artefact_path, execution_label

LABELS = (
    "scheduled__2024-01-01T00:00:00+00:00-1",
    "../../../../escape",
    "/etc/x",
    ".",
    "a b",
    "a_b",
    "nul\0 and\nline",
    "ä" * 300 + "-1",
    "ä" * 300 + "-2",
)


def test_artefacts_have_names_of_their_own_within_their_folder() -> None:
    names = {artefact_path(Path("/home"), "debr", "tf", label).name.removesuffix(".ipynb") for label in LABELS}
    assert len(names) == len(LABELS)
    assert LABELS[0] in names
    for name in names:
        assert Path(name).name == name
        assert not name.startswith(".")
        assert name.isprintable()
        assert len(name.encode()) <= LABEL_CHARACTERS + 9


def test_an_execution_has_a_file_of_its_own_in_its_tasks_folder() -> None:
    label = execution_label("manual__1", 2)
    assert artefact_path(Path("/home"), "debr", "tf", label) == Path("/home/artefacts/debr/tf/manual__1-2.ipynb")
