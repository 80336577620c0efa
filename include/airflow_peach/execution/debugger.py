"""Runs the launcher's cells with pdb at hand; a script for the organisation's environment, as ``launcher.py`` is.

Arguments: path of ``launcher.py``, and the descriptor that carries the launcher's specification.
"""

from __future__ import annotations

import code
import importlib.util
import json
import os
import pdb  # noqa: T100 - this is the debugger
import sys
import traceback


def main() -> int:
    """Run the task; return its exit code."""
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location("peach_launcher", sys.argv[1])
    if spec is None or spec.loader is None:
        raise ImportError(sys.argv[1])
    launcher = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(launcher)
    with os.fdopen(int(sys.argv[2]), "rb") as file:
        specification = json.loads(file.read())
    try:
        value = launcher.run(specification)
    except launcher.TaskError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, its author looks at it
        trace = error.__traceback__
        launcher.forget_our_frames(error, [cell["name"] for cell in specification["cells"]])
        traceback.print_exception(type(error), error, error.__traceback__)
        pdb.post_mortem(error.__traceback__ or trace)
        return 1
    namespace = vars(sys.modules["__main__"])
    namespace["result"] = value
    code.interact(banner=f"[peach] returned {value!r}; it is `result`. Ctrl-D ends.", local=namespace, exitmsg="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
