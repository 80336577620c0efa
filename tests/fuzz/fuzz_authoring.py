"""Coverage-guided fuzzing of what reads files of strangers: ``python fuzz_authoring.py TARGET [OPTIONS]``.

OPTIONS are libFuzzer's. TARGET is ``configuration`` or ``notebook``; its seeds are in ``seeds/TARGET``, and a folder
named first among the options is where new ones are kept. An input that breaks a property of
``tests/corpus/properties.py`` ends it with an error; such inputs become cases of ``tests/corpus``. Needs atheris.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))

with atheris.instrument_imports(include=["airflow_peach.authoring", "yaml", "IPython.core.inputtransformer2"]):
    from tests.corpus.properties import check_configuration, check_notebook

TARGETS = ("configuration", "notebook")
SEEDS = Path(__file__).with_name("seeds")


def configuration(data: bytes) -> None:
    """Take the bytes as a ``peach.yaml``."""
    check_configuration(data)


def notebook(data: bytes) -> None:
    """Take the bytes, by the first, as a notebook, a Python file, or the sources of a notebook's cells."""
    kind, content = data[:1], data[1:]
    if kind == b"p":
        check_notebook(content, path="n.py")
    elif kind == b"c":
        cells = [
            {"cell_type": "code", "source": source}
            for source in content.decode("utf-8", "surrogateescape").split("\x01")
        ]
        check_notebook(json.dumps({"nbformat": 4, "cells": cells}).encode(), full_notebook=len(cells) % 2 == 0)
    else:
        check_notebook(content)


def main() -> None:
    """Fuzz until libFuzzer's options say stop."""
    target, *options = sys.argv[1:]
    if target not in TARGETS:
        sys.exit(f"'{target}' is no target; name one of {', '.join(TARGETS)}")
    atheris.Setup([sys.argv[0], *options], globals()[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
