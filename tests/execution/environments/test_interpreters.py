from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from airflow_peach.execution.environments.interpreters import InterpreterError, inspect_interpreter


def test_a_virtual_interpreter_stands_for_its_base(tmp_path: Path) -> None:
    venv.create(tmp_path / "one", with_pip=False, symlinks=True)
    subprocess.run([tmp_path / "one/bin/python", "-m", "venv", "--without-pip", tmp_path / "two"], check=True)

    base = inspect_interpreter(Path(sys.executable))
    nested = inspect_interpreter(tmp_path / "two/bin/python")

    assert nested == base
    assert base.executable.is_absolute()
    assert not (base.executable.parent.parent / "pyvenv.cfg").exists()
    assert base.version == f"CPython {sys.version.split()[0]}"


def test_a_link_to_a_virtual_interpreter_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "our-python"
    link.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    link.chmod(0o755)

    assert inspect_interpreter(link) == inspect_interpreter(Path(sys.executable))


def test_a_virtual_environment_that_lost_its_base_is_explained(tmp_path: Path) -> None:
    venv.create(tmp_path / "one", with_pip=False, symlinks=True)
    (tmp_path / "one" / "pyvenv.cfg").write_text("home = /nowhere/bin\n")

    with pytest.raises(InterpreterError, match=r"home /nowhere/bin has no Python interpreter"):
        inspect_interpreter(tmp_path / "one/bin/python")


@pytest.mark.parametrize("content", ["", "#!/bin/sh\necho this is no Python\n", "#!/bin/sh\necho broken >&2; exit 3\n"])
def test_what_is_no_interpreter_is_explained(tmp_path: Path, content: str) -> None:
    path = tmp_path / "python"
    if content:
        path.write_text(content)
        path.chmod(0o755)

    with pytest.raises(InterpreterError, match="is not a Python interpreter that works here"):
        inspect_interpreter(path)
