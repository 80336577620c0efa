"""A first configuration file and notebook: small, valid, and meant to be changed."""

from __future__ import annotations

import json
from dataclasses import dataclass

import yaml


@dataclass(frozen=True)
class FirstTask:
    """What its author chose; each value is valid by ``rules``.

    Attributes:
        required: parameters without a default of a function that is there already; None: it is still to be written.
    """

    codops: str
    task: str
    notebook: str
    method: str
    required: tuple[str, ...] | None = None

    def configuration(self) -> str:
        """Return the text of ``peach.yaml``."""
        return (
            f"codops: {_text(self.codops)}\n"
            "tasks:\n"
            f"  {_text(self.task)}:\n"
            f"    notebook: {_text(self.notebook)}\n"
            f"    method: {_text(self.method)}  # this function is called, again and again\n"
            f"{self._arguments()}"
            "# Packages that the notebook needs, one a line:\n"
            "# dependencies:\n"
            "#   - numpy>=2\n"
        )

    def _arguments(self) -> str:
        if self.required == ():
            return ""
        given = ["name: world"] if self.required is None else [f"{_text(name)}: null  # ?" for name in self.required]
        return "".join(["    args:  # with these keyword arguments\n", *(f"      {line}\n" for line in given)])

    def code(self) -> str:
        """Return the cell with the entry function."""
        return (
            f"def {self.method}(name):\n"
            '    """Only this cell is executed: imports belong in here, too."""\n'
            '    greeting = f"Hello, {name}!"\n'
            "    print(greeting)\n"
            "    return greeting\n"
        )

    def content(self) -> str:
        """Return the notebook, or the Python file."""
        if self.notebook.endswith(".py"):
            return self.code()
        text = f"# {self.task}\n\nTry it with `peach run {self.task}`."
        cells = [
            {"id": "about", "cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)},
            {
                "id": "task",
                "cell_type": "code",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": self.code().rstrip("\n").splitlines(keepends=True),
            },
        ]
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _text(value: str) -> str:
    """Return the value as YAML reads it as this text: in quotes where it would be something else, such as ``no``."""
    try:
        is_plain = yaml.safe_load(value) == value
    except yaml.YAMLError:
        is_plain = False
    return value if is_plain else json.dumps(value, ensure_ascii=False)
