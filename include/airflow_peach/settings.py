"""The platform's settings: the ``[peach]`` section of Airflow's configuration.

Each setting is declared once, with its default, its unit and its meaning; ``provider.py`` hands the same
declarations to Airflow, and a test holds the docs to them. They are read by ``load_settings`` when asked,
never at import. Without Airflow in the process (the author's commands, ``peach sync``) they are read from the
environment (``AIRFLOW__PEACH__HOME`` …) and from the ``[peach]`` section of ``$AIRFLOW_HOME/airflow.cfg``, as
Airflow itself would, but without the second it takes to import it.
"""

from __future__ import annotations

import configparser
import dataclasses
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_peach.errors import PeachError

SECTION = "peach"
_NO_USER_ID = 2**32 - 1


class SettingError(PeachError):
    """A setting holds a value that cannot be used."""


def _setting(default: str, description: str, *, choices: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    return field(metadata={"default": default, "description": description, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """All settings, typed. The name of an option is the name of the field without its unit."""

    home: Path = _setting(  # noqa: RUF009 - it makes a dataclass field, as field() does
        "{AIRFLOW_HOME}/peach",
        "Directory of everything the library keeps: mirrors, catalogue, environments, artefacts. "
        "Shared by the scheduler, the DAG processor and the workers.",
    )
    platform_file: Path | None = _setting(  # noqa: RUF009 - the same
        "", "The platform's file (YAML): sources, package indexes, and what each organisation may do."
    )
    branch: str = _setting(
        "master", "Branch that is executed; a repository without it uses its remote's default branch."
    )
    sync: str = _setting(
        "auto",
        "auto: the DAG processor starts a sync when one is due. external: something else runs `peach sync --watch`.",
        choices=("auto", "external"),
    )
    sync_interval_seconds: float = _setting("30", "Seconds between the starts of two syncs.")
    webhook_connection: str = _setting(
        "",
        "Id of the Airflow connection whose password is the secret of the webhook POST /peach/api/sync; empty refuses "
        "all.",
    )
    tasks_page: str = _setting(
        "",
        "Address of the Tasks page, as in https://airflow.example.org/plugin/tasks, for the links of commit statuses; "
        "empty for none.",
    )
    fetch_timeout_seconds: float = _setting(
        "60", "Seconds one remote may take to answer a sync before its last head is kept."
    )
    execution_fetch_timeout_seconds: float = _setting(
        "15", "Seconds the fetch at the start of an execution may take before the last known head is run."
    )
    dag_id_prefix: str = _setting("", "Put before each codops to make the id of its DAG.")
    loop_min_interval_seconds: float = _setting(
        "60",
        "Seconds between the starts of two runs of a loop while it keeps up; after a longer run the next ones follow "
        "at once until it has caught up. 0 starts the next run as soon as the last has ended.",
    )
    time_limit_seconds: float = _setting("3600", "Hard limit in seconds of one execution in an organisation's loop.")
    metadata_time_limit_seconds: float = _setting("300", "Hard limit in seconds of one execution in the metadata loop.")
    environment_time_limit_seconds: float = _setting(
        "1800", "Hard limit in seconds of locking and building an organisation's environment."
    )
    grace_seconds: float = _setting(
        "10", "Seconds between the polite end (SIGTERM) and the end (SIGKILL) of an execution."
    )
    lock_max_age_seconds: float = _setting(
        "86400", "Age in seconds at which the requirements of an organisation are resolved again."
    )
    log_limit_bytes: int = _setting(
        "20000000", "Bytes of one execution's output that are kept: its beginning and its end."
    )
    checkout_limit_bytes: int = _setting(
        "5000000000", "Bytes that the files of one commit may have together to be laid out for an execution."
    )
    disk_limit_bytes: int = _setting(
        "20000000000",
        "Bytes that one execution may have on disk: its checkout, its home and its temporary files; 0 sets no limit.",
    )
    environment_disk_limit_bytes: int = _setting(
        "50000000000",
        "Bytes that an environment that is being built and its organisation's package cache may have on disk together; "
        "0 sets no limit.",
    )
    shared_memory_limit_bytes: int = _setting(
        "1000000000",
        "Bytes that the files of one execution, or build, in /dev/shm may have, where it runs in bubblewrap 0.7 or "
        "newer; 0 sets no limit but the kernel's, half of the machine's memory.",
    )
    memory_limit_bytes: int = _setting("0", "Memory in bytes that one execution may use; 0 sets no limit.")
    isolation: str = _setting(
        "auto",
        "How executions and builds are kept away from the platform and from other organisations. auto: the best level "
        "that works: bubblewrap, else user (as root: a user id for each organisation), else none, with a warning in "
        "each log. required: the same, but refuse to run where neither works. bubblewrap, user: this one, or refuse. "
        "none: no isolation.",
        choices=("auto", "required", "bubblewrap", "user", "none"),
    )
    isolation_uids: range = _setting(
        "60000-64999",
        "User ids (and group ids) that the level user gives to organisations, one each, for ever. "
        "No other account may have them, on no machine that shares the home.",
    )
    python: str = _setting(
        "", "Absolute path of the Python interpreter of the environments; empty for the one Airflow runs on."
    )


def option_name(name: str) -> str:
    """Return the name a field has as an option: its own, without the unit."""
    for unit in ("_seconds", "_bytes"):
        name = name.removesuffix(unit)
    return name


def load_settings(**overrides: object) -> Settings:
    """Read the settings now; ``overrides`` (by field name, None is ignored) win over what is configured.

    Raises:
        SettingError: a value cannot be read as its type; the message names the option.
    """
    read = _reader()
    values: dict[str, Any] = {}
    for declared in dataclasses.fields(Settings):
        override = overrides.pop(declared.name, None)
        if override is not None:
            values[declared.name] = override
            continue
        option = option_name(declared.name)
        configured = read(option)
        text = configured if configured is not None else declared.metadata["default"]
        values[declared.name] = _convert(declared, option, text.strip())
    if overrides:
        raise TypeError(f"no such setting: {', '.join(overrides)}")
    return Settings(**values)


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables that make another process's ``load_settings`` return the same."""
    return {
        f"AIRFLOW__{SECTION.upper()}__{option_name(declared.name).upper()}": _text(getattr(settings, declared.name))
        for declared in dataclasses.fields(Settings)
    }


def _text(value: object) -> str:
    if isinstance(value, range):
        return f"{value.start}-{value.stop - 1}"
    return "" if value is None else str(value)


def _reader() -> Any:  # noqa: ANN401 - a function from option to text or None
    # Airflow's own reader knows more (secrets backends, commands), but only its processes have it loaded.
    loaded = getattr(sys.modules.get("airflow.configuration"), "conf", None)
    if loaded is not None:
        return lambda option: loaded.get(SECTION, option, fallback=None)
    # As Airflow reads it: '%%' is '%', and environment variables are expanded.
    parser = configparser.ConfigParser(strict=False)
    parser.read(airflow_home() / "airflow.cfg", encoding="utf-8")

    def read(option: str) -> str | None:
        from_environment = os.environ.get(f"AIRFLOW__{SECTION.upper()}__{option.upper()}")
        try:
            configured = parser.get(SECTION, option, fallback=None) if from_environment is None else from_environment
        except configparser.InterpolationError as error:
            raise SettingError(f"[{SECTION}] {option}: {error.message}; write '%' as '%%'") from None
        return None if configured is None else os.path.expandvars(configured)

    return read


def airflow_home() -> Path:
    """Return Airflow's directory: its configuration, and often its database and logs."""
    return Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()


def author_home() -> Path:
    """Return the home directory of the commands that an author runs on a machine of their own."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "airflow-peach"


def _convert(declared: dataclasses.Field[Any], option: str, text: str) -> Any:  # noqa: ANN401
    kind = str(declared.type)
    choices = declared.metadata["choices"]
    if choices and text not in choices:
        raise SettingError(f"[{SECTION}] {option} = {text}: expected one of {', '.join(choices)}")
    if kind.startswith("Path"):
        if not text and "None" in kind:
            return None
        return Path(text.replace("{AIRFLOW_HOME}", str(airflow_home()))).expanduser().absolute()
    if kind == "str":
        return text
    if kind == "range":
        return _user_ids(option, text)
    try:
        number = {"float": float, "int": int}[kind](text)
    except ValueError:
        raise SettingError(f"[{SECTION}] {option} = {text}: expected a number") from None
    if not 0 <= number < float("inf"):
        raise SettingError(f"[{SECTION}] {option} = {text}: expected a number of 0 or more")
    return number


def _user_ids(option: str, text: str) -> range:
    match = re.fullmatch(r"([1-9]\d{0,9})\s*-\s*([1-9]\d{0,9})", text)
    # The highest number stands for "no change" in setresuid(2).
    if match is None or not int(match[1]) <= int(match[2]) < _NO_USER_ID:
        raise SettingError(
            f"[{SECTION}] {option} = {text}: expected two numbers, the lower one first, as in 60000-64999"
        )
    return range(int(match[1]), int(match[2]) + 1)
