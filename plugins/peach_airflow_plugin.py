"""Hands the plugin to an Airflow that has this folder but not the wheel's entry point.

With the entry point installed it does nothing: a plugin registered twice makes the task SDK drop all that
come after it, without a word.
"""

from importlib.metadata import entry_points

if not any(entry.value.startswith("airflow_peach.") for entry in entry_points(group="airflow.plugins")):
    from airflow_peach.plugin import PeachPlugin  # noqa: F401 - Airflow finds it by looking at this module
