"""airflow-peach: notebooks in endless loops, from a committed YAML file.

The path of the data is the order of the folders: ``authoring`` (what a team writes), ``repositories``
(where it lives), ``catalogue`` (what is to run), ``execution`` (how one task runs), ``loops`` (when it
runs, in Airflow), ``monitoring`` (what happened), ``cli`` and ``plugin`` (the doors).
"""

__version__ = "0.1.0"
