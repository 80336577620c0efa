"""The demo's Airflow: its home directory, configuration and password. Written once, then kept.

The configuration is a file, not environment variables, so that ``AIRFLOW_HOME=… airflow dags list`` works in
any other terminal, and so that no secret stands in a process's environment.
"""

from __future__ import annotations

import base64
import configparser
import io
import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_peach.storage import write_text

if TYPE_CHECKING:
    from pathlib import Path

USER = "admin"


@dataclass(frozen=True)
class AirflowHome:
    """Where the demo's Airflow lives.

    Attributes:
        path: ``AIRFLOW_HOME``.
        peach_home: ``[peach] home``.
        port: of the web interface, on 127.0.0.1.
    """

    path: Path
    peach_home: Path
    port: int

    @property
    def url(self) -> str:
        """The address of the web interface."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def logs(self) -> Path:
        """Task logs, as Airflow writes them."""
        return self.path / "logs"

    @property
    def password_file(self) -> Path:
        """Where the password of ``USER`` is kept, as JSON."""
        return self.path / "passwords.json"

    def password(self) -> str:
        """Return the password; it is made at the first call of ``write``."""
        return str(json.loads(self.password_file.read_text(encoding="utf-8"))[USER])

    def write(self, *, platform_file: Path, loop_min_interval_seconds: float) -> None:
        """Write ``airflow.cfg`` (readable by its owner alone) and, the first time, secrets and a password."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.password_file.exists():
            write_text(self.password_file, json.dumps({USER: secrets.token_urlsafe(12)}))
        config = _configuration(self, self._secrets(), platform_file, loop_min_interval_seconds)
        parser = configparser.RawConfigParser()
        # Airflow reads the file with interpolation: a '%' is written twice.
        parser.read_dict(
            {
                section: {option: value.replace("%", "%%") for option, value in options.items()}
                for section, options in config.items()
            }
        )
        text = io.StringIO()
        parser.write(text)
        write_text(self.path / "airflow.cfg", text.getvalue())

    def environment(self) -> dict[str, str]:
        """Return the environment of Airflow's processes: ours, without what would override the file."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))}
        return kept | {"AIRFLOW_HOME": str(self.path)}

    def _secrets(self) -> dict[str, str]:
        file = self.path / "secrets.json"
        if not file.exists():
            made = {name: secrets.token_urlsafe(64) for name in ("jwt", "session")}
            made["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            write_text(file, json.dumps(made))
        content: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return content


def _configuration(
    home: AirflowHome, made: dict[str, str], platform_file: Path, loop_min_interval_seconds: float
) -> dict[str, dict[str, str]]:
    bundle = {
        "name": "peach",
        "classpath": "airflow_peach.loops.bundle.PeachBundle",
        "kwargs": {"refresh_interval": 1},
    }
    return {
        "core": {
            "executor": "LocalExecutor",
            "parallelism": "8",
            "load_examples": "False",
            "fernet_key": made["fernet"],
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": str(home.password_file),
            "execution_api_server_url": f"{home.url}/execution/",
            # A change of configuration is to be seen in seconds; the default of 30 discards early writes.
            "min_serialized_dag_update_interval": "1",
        },
        "database": {"sql_alchemy_conn": f"sqlite:///{home.path / 'airflow.db'}"},
        "logging": {"base_log_folder": str(home.logs)},
        "api": {
            "host": "127.0.0.1",
            "port": str(home.port),
            "base_url": home.url,
            "workers": "1",
            "secret_key": made["session"],
            "expose_config": "False",
        },
        "api_auth": {"jwt_secret": made["jwt"], "jwt_issuer": "airflow-peach-demo"},
        "dag_processor": {
            "dag_bundle_config_list": json.dumps([bundle]),
            "dag_bundle_storage_path": str(home.path / "bundles"),
            "bundle_refresh_check_interval": "1",
        },
        "scheduler": {
            "scheduler_idle_sleep_time": "0.2",
            # After a kill, what was running is noticed in half a minute instead of five.
            "scheduler_health_check_threshold": "20",
            "task_instance_heartbeat_timeout": "30",
            "task_instance_heartbeat_timeout_detection_interval": "5",
            "orphaned_tasks_check_interval": "10",
        },
        "workers": {"min_heartbeat_interval": "2", "max_failed_heartbeats": "30"},
        "peach": {
            "home": str(home.peach_home),
            "platform_file": str(platform_file),
            # `peach sync --watch` runs beside Airflow: one process for all syncs is cheap every two seconds.
            "sync": "external",
            "sync_interval": "2",
            "loop_min_interval": str(loop_min_interval_seconds),
        },
    }
