"""What the stand-in makes of magics, for those who read cells without running them."""

from __future__ import annotations

from airflow_peach.authoring.magic_calls import MagicSupport
from airflow_peach.execution import stand_in


def magic_support() -> MagicSupport:
    """Return what a task that runs a single cell can have."""
    return MagicSupport(
        ignored=frozenset(stand_in.IGNORED),
        run_line=frozenset(stand_in.RUNS_ITS_LINE),
        run_cell=frozenset(stand_in.RUNS_ITS_CELL),
        shells=frozenset(stand_in.SHELLS),
        installers=frozenset(stand_in.INSTALLERS),
        installing=stand_in.INSTALLING,
    )
