from __future__ import annotations

import pytest

from airflow_peach.authoring.cell_alone import faults_alone
from airflow_peach.authoring.entry_function import find_entry_function
from airflow_peach.authoring.notebooks import Cell
from airflow_peach.execution.magic_support import magic_support


def faults(*sources: str, method: str = "task") -> list[tuple[str, str]]:
    cells = [Cell(2 * number, source) for number, source in enumerate(sources, start=1)]
    return faults_alone(find_entry_function(cells, method), cells, magic_support())


def test_names_of_other_cells() -> None:
    ((cause, remedy),) = faults("import numpy as np", "df = np.zeros(3)", "def task():\n    a = df\n    return np, a\n")

    assert cause == (
        "only cell 6, which defines task(), is executed, and it uses 'df' (line 2; defined in cell 4) and 'np' "
        "(line 3; defined in cell 2)"
    )
    assert remedy == "write 'full_notebook: true', or move df (cell 4) and np (cell 2) into cell 6"


def test_many_names_are_counted() -> None:
    names = "abcdefgh"
    ((cause, remedy),) = faults("; ".join(f"{name} = 1" for name in names), f"def task(): return {'+'.join(names)}")

    assert cause.endswith("'e' (line 1; defined in cell 2) and 3 more")
    assert remedy.endswith("e (cell 2) and 3 more into cell 4")


@pytest.mark.parametrize(
    "others",
    [
        "from numpy import *",  # may define anything: nothing is certain
        "x = (",
        "y = 1",
    ],
)
def test_what_nobody_is_seen_to_define_is_not_told(others: str) -> None:
    assert faults(others, "def task(): return x") == []


def test_magics() -> None:
    ((cause, remedy),) = faults("1", "x = 1\n%pip install numpy\ndef task(): return x")

    assert cause == "cell 4, line 2: '%pip install numpy' installs packages, which a task cannot"
    assert remedy == "remove it, and put the packages in 'dependencies'"


def test_a_python_file_is_one_cell() -> None:
    module = Cell(1, "def task(): return x", is_module=True)

    assert faults_alone(find_entry_function([module], "task"), [module], magic_support()) == []
