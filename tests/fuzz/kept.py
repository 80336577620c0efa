"""The corpus that fuzzing found, kept in one file a target: ``python kept.py TARGET FOLDER`` takes FOLDER's for it.

Minimise FOLDER first: ``fuzz_authoring.py TARGET`` with libFuzzer's ``-set_cover_merge=1``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

KEPT = Path(__file__).with_name("kept")


def unpack(target: str, folder: Path) -> int:
    """Write the inputs of ``target`` into ``folder``, a file each; return how many there are."""
    inputs = json.loads((KEPT / f"{target}.json").read_text(encoding="ascii"))
    for number, content in enumerate(inputs):
        (folder / str(number)).write_bytes(content.encode("latin-1"))
    return len(inputs)


def pack(target: str, folder: Path) -> None:
    """Keep the files of ``folder`` as the inputs of ``target``."""
    inputs = sorted(file.read_bytes().decode("latin-1") for file in folder.iterdir())
    (KEPT / f"{target}.json").write_text(json.dumps(inputs, indent=0) + "\n", encoding="ascii")


if __name__ == "__main__":
    pack(sys.argv[1], Path(sys.argv[2]))
