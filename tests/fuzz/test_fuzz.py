"""A short run of the fuzzer, from what earlier runs found; ``PEACH_FUZZ_SECONDS=600`` makes it a long one.

The seconds are those of each target, and 4 where nothing is set. By hand, with a folder that keeps what is found:
``fuzz_authoring.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .kept import unpack

pytest.importorskip("atheris", reason="atheris does not exist for this Python")

SECONDS = int(os.environ.get("PEACH_FUZZ_SECONDS", "4"))
FUZZER = Path(__file__).with_name("fuzz_authoring.py")


@pytest.mark.slow
@pytest.mark.timeout(2 * SECONDS + 120)
@pytest.mark.parametrize("target", ["configuration", "notebook"])
def test_no_input_breaks_what_holds_for_every_input(tmp_path: Path, target: str) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    assert unpack(target, corpus) > 50
    options = (f"-max_total_time={SECONDS}", "-timeout=20", "-rss_limit_mb=1500", f"-artifact_prefix={tmp_path}/")
    ended = subprocess.run(
        [sys.executable, str(FUZZER), target, str(corpus), str(FUZZER.with_name("seeds") / target), *options],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    found = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    assert (ended.returncode, found) == (0, {}), ended.stderr[-3000:]
    assert "Done " in ended.stderr
