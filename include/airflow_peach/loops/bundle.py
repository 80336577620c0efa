"""``PeachBundle``: how the catalogue gets to Airflow.

A DAG bundle whose version is a hash of the catalogue, not of anybody's code: a run is pinned to the catalogue
it began with, and the code it executes is always the branch's head.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion

from airflow_peach.catalogue.store import current_snapshot
from airflow_peach.catalogue.sync_request import last_request
from airflow_peach.errors import PeachError
from airflow_peach.loops.metrics import SyncGauges
from airflow_peach.loops.publication import EMPTY_VERSION, announce, publish
from airflow_peach.processes import start_detached
from airflow_peach.settings import as_environment, load_settings

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

log = logging.getLogger(__name__)

LOG_LIMIT_BYTES = 1_000_000


class PeachBundle(BaseDagBundle):
    """Publishes the last complete snapshot; starts a sync as a child process when one is due.

    Configure it with ``[dag_processor] dag_bundle_config_list``::

        [{"name": "peach", "classpath": "airflow_peach.loops.bundle.PeachBundle", "kwargs": {}}]

    Args:
        refresh_interval: seconds between two looks for a new snapshot.
    """

    supports_versioning = True

    def __init__(self, *, refresh_interval: int = 5, **kwargs: Any) -> None:  # noqa: ANN401 - Airflow's own
        super().__init__(refresh_interval=refresh_interval, **kwargs)
        self._settings = load_settings()
        self._published = self.version or ""
        self._gauges = SyncGauges(self._settings.home)
        self._child: subprocess.Popen[bytes] | None = None
        self._last_start_seconds: float | None = None
        self._last_request = 0

    def initialize(self) -> None:
        """Make the folder of this version. Raises ``SnapshotMissingError`` when its catalogue is gone."""
        self._publish()
        super().initialize()

    @property
    def path(self) -> Path:
        """The folder Airflow parses."""
        return self.versions_dir / (self._published or self._current())

    def get_current_version(self) -> BundleVersion:
        """Return the version that ``path`` shows."""
        return BundleVersion(version=self._published or self._current())

    def refresh(self) -> None:
        """Start a sync if one is due, publish what the last one left. Returns at once.

        It runs in the DAG processor's main loop, which must not wait for a git host. What cannot be published is
        said in one line, and the version before stays.
        """
        if self.version:
            return
        if self._settings.sync == "auto":
            self._start_sync_if_due()
        try:
            self._publish()
        except (OSError, PeachError) as error:
            log.error("%s; version %s stays", error, self._published)  # noqa: TRY400 - expected
        self._gauges.send()

    def _current(self) -> str:
        # A home that has no snapshot any more is one that cannot be read (unmounted, say): no DAG may vanish for it.
        return self.version or current_snapshot(self._settings.home) or self._published or EMPTY_VERSION

    def _publish(self) -> None:
        version = self._current()
        folder = publish(self._settings.home, version, self.versions_dir)
        if version != self._published and not self.version:
            announce(folder)
        self._published = version

    def _start_sync_if_due(self) -> None:
        if self._child is not None and self._child.poll() is None:
            return
        home, now = self._settings.home, time.monotonic()
        request = last_request(home)
        if self._last_start_seconds is not None and (
            now - self._last_start_seconds < self._settings.sync_interval_seconds and request == self._last_request
        ):
            return
        self._last_start_seconds, self._last_request = now, request
        try:
            (home / "logs").mkdir(parents=True, exist_ok=True)
            self._child = start_detached(
                [sys.executable, "-m", "airflow_peach", "sync", "--no-wait"],
                cwd=home,
                env=os.environ | as_environment(self._settings),
                log=_rotated(home / "logs" / "sync.log"),
            )
        except (OSError, PeachError) as error:
            # The loops that there are go on from the last catalogue.
            log.error("no sync could be started: %s; [peach] home is %s", error, home)  # noqa: TRY400 - expected


def _rotated(path: Path) -> Path:
    """Return ``path``, moved to ``<name>.1`` first when it has grown large: it is appended to for ever."""
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.rename(path.with_name(f"{path.name}.1"))
    return path
