"""An organisation's secrets, from Airflow's secrets backends through Airflow's own task runner."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.configuration import clear_secrets_backends_cache
from tests.loop_run import BUNDLES, LoopRun, run_loop
from tests.team import make_team, notebook

from airflow_peach.catalogue.sync import sync
from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.usefixtures("airflow_database"),
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn of each other
    pytest.mark.timeout(300, method="thread"),  # SIGALRM is Airflow's here
]

TOKEN, KEY = "tok/en of=debr", "-----BEGIN KEY-----\nMIIEvAIBADAN\nBgkqhkiG9w0B\n-----END KEY-----"
THEIRS = "token-of-sesr-1"

CONFIGURATION = """
    codops: debr
    tasks:
      tells: {notebook: job.py, method: tells}
      returns: {notebook: job.py, method: returns}
      fails: {notebook: job.py, method: fails}
"""
CODE = """
    import base64, json, os, sys, time, urllib.parse

    def tells():
        token, key = os.environ["TOKEN"], os.environ["KEY"]
        print("plain", token)
        for part in ("split ", token[:5], token[5:]):
            sys.stdout.write(part)
            sys.stdout.flush()
            time.sleep(0.05)
        print()
        print("several", key)
        print("json", json.dumps({"key": key, "token": token}))
        print("url", urllib.parse.quote_plus(token))
        print("base64", base64.b64encode(("me:" + token).encode()).decode())
        print("error", token, file=sys.stderr)
        print("others", sorted(name for name in os.environ if "SESR" in name or "PEACH" in name))

    def returns():
        return {"token": os.environ["TOKEN"], os.environ["TOKEN"]: [os.environ["KEY"], "else"]}

    def fails():
        raise RuntimeError("no access with " + os.environ["TOKEN"])
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, airflow_database: object) -> Iterator[LoopRun]:
    """One run of debr's loop; its variables stand in a file that Airflow's local filesystem backend reads."""
    del airflow_database
    root = tmp_path_factory.mktemp("secrets")
    (root / "variables.json").write_text(
        json.dumps({"peach_debr": {"TOKEN": TOKEN, "KEY": KEY}, "peach_sesr": {"TOKEN_SESR": THEIRS}})
    )
    options = {"variables_file_path": str(root / "variables.json")}
    with pytest.MonkeyPatch.context() as patch:
        home = root / "home"
        home.mkdir()
        for name, value in {
            "AIRFLOW__PEACH__HOME": str(home),
            "AIRFLOW__PEACH__SYNC": "external",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(root / "bundles"),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": BUNDLES,
            "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(options),
            "AIRFLOW__WORKERS__SECRETS_BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
            "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": json.dumps(options),
        }.items():
            patch.setenv(name, value)
        team = make_team(root / "source" / "work", {"peach.yaml": CONFIGURATION, "job.py": CODE})
        sync(load_settings(), source=team.path.parent)
        yield run_loop("debr")
    clear_secrets_backends_cache()  # of the backend above: it would answer the next test of this process


def everything(run: LoopRun) -> str:
    return json.dumps([run.logs, run.xcoms, run.states])


def test_they_come_from_the_backend_and_are_masked_in_every_form(run: LoopRun) -> None:
    assert run.states["tells"] == "success", run.logs
    lines = run.logs["tells"]
    for line in ("plain ***", "split ***", "several ***", "url ***", "error ***"):
        assert line in lines
    assert [line for line in lines if line.startswith("json")] == ['json {"key": "***", "token": "***"}']
    encoded = base64.b64encode(b"me:" + TOKEN.encode()).decode()
    assert encoded[8:-4] not in everything(run)


def test_nothing_that_airflow_keeps_has_them(run: LoopRun) -> None:
    kept = everything(run)
    for secret in (TOKEN, "MIIEvAIBADAN", "BgkqhkiG9w0B"):
        assert secret not in kept
    assert run.xcoms["returns"]["return_value"] == {"token": "***", "***": ["***", "else"]}
    assert run.xcoms["fails"]["peach"]["reason"].startswith("RuntimeError: no access with *** (job.py, line")


def test_no_other_organisations_are_there(run: LoopRun) -> None:
    assert "others []" in run.logs["tells"]
    assert THEIRS not in everything(run)


def test_the_executed_notebook_has_none(tmp_path: Path) -> None:
    from airflow_peach.execution.masking import Masker  # noqa: PLC0415

    content: dict[str, Any] = json.loads(notebook("def task(): pass"))
    content["cells"][0]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": [f"token {TOKEN}\n", *KEY.splitlines(keepends=True)]},
        {"output_type": "display_data", "metadata": {}, "data": {"text/html": f"<b>{TOKEN}</b>"}},
        {"output_type": "error", "ename": "E", "evalue": TOKEN, "traceback": [f"E: {TOKEN}"]},
    ]
    masked = Masker([TOKEN, KEY]).json(json.dumps(content).encode()).decode()
    assert json.loads(masked)["nbformat"] == content["nbformat"]
    for secret in (TOKEN, *KEY.splitlines()):
        assert secret not in masked
    del tmp_path
