"""The environment variables of a task's process: an allow-list, so nothing of Airflow's is among them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_peach.execution.request import ExecutionRequest

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What the machine's operator sets for every process: language, time zone, the way out, certificates, processors.
KEPT = (
    "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
)  # fmt: skip
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def home_directory(scratch: Path) -> Path:
    """Return the HOME of the execution with this scratch directory."""
    return scratch / "home"


def temporary_directory(scratch: Path) -> Path:
    """Return the TMPDIR of the execution with this scratch directory."""
    return scratch / "tmp"


def certificate_paths() -> tuple[Path, ...]:
    """Return the files and directories of certificates that ``task_variables`` points to."""
    return tuple(Path(os.environ[name]) for name in CERTIFICATES if os.environ.get(name))


def task_variables(request: ExecutionRequest) -> dict[str, str]:
    """Return all environment variables of the task's process; the organisation's own win over ours."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        "LANG": "C.UTF-8",
        **kept,
        "PATH": f"{request.environment / 'bin'}:{SYSTEM_PATH}",
        "VIRTUAL_ENV": str(request.environment),
        "HOME": str(home_directory(request.scratch)),
        "TMPDIR": str(temporary_directory(request.scratch)),
        "USER": "peach",
        "LOGNAME": "peach",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        # The environment is read-only, or, without a sandbox, should be.
        "PYTHONDONTWRITEBYTECODE": "1",
        # No display: figures are drawn, not shown.
        "MPLBACKEND": "Agg",
        **request.variables,
    }
