from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_peach.authoring.imported_packages import unprovided_imports
from airflow_peach.authoring.notebooks import Cell
from airflow_peach.authoring.work_tree import WorkTreeFiles

if TYPE_CHECKING:
    from pathlib import Path


def unprovided(root: Path, source: str, *requirements: str) -> dict[str, str]:
    cells = [Cell(1, source)]
    found = unprovided_imports(cells, "notebooks/n.ipynb", requirements, WorkTreeFiles(root))
    return {each.module: each.distribution for each in found}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy", {"numpy": "numpy"}),
        ("import sklearn.svm as svm", {"sklearn": "scikit-learn"}),
        ("from PIL import Image", {"PIL": "pillow"}),
        ("def task():\n    import pandas", {"pandas": "pandas"}),
        ("import os, json, a_package", {"a_package": "a_package"}),
    ],
)
def test_what_no_requirement_names(tmp_path: Path, source: str, expected: dict[str, str]) -> None:
    assert unprovided(tmp_path, source, "requests") == expected


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "import numpy",
        "import sklearn",
        "import a_package",
        "import cv2",
        "try:\n    import pandas\nexcept ImportError:\n    pandas = None",
        "from IPython.display import display",
        "import google.cloud.storage",
        "from . import sibling",
        "import beside, package",
        "import broken syntax",
    ],
)
def test_what_is_there(tmp_path: Path, source: str) -> None:
    (tmp_path / "notebooks" / "package").mkdir(parents=True)
    (tmp_path / "notebooks" / "beside.py").write_text("x = 1")
    requirements = ("numpy==2.3.5", "scikit_learn", "A.Package[extra]>1", "opencv-python")

    assert unprovided(tmp_path, source, *requirements) == {}
