"""Airflow finds the loops here: one DAG for each organisation, and the shared metadata DAG.

The catalogue is read from the folder beside this file when there is one (a bundle's version), else from
``[peach] home``. Nothing else is read: no git, no YAML, no network, nobody's code.
"""

from airflow_peach.loops.factory import dags_beside

globals().update(dags_beside(__file__))
